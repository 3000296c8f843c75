"""How rows of samples and buffers are laid out; shared by all posteriors."""


def samples(rows, stats):
    """Lay the (L * M, n) array `rows` out as (L, M, n), for the M datapoints of `stats`."""
    return rows.reshape(-1, len(stats), rows.shape[-1])


def keep(workspace, dstats):
    """Return `dstats` in a buffer of the workspace, where other threads find all rows."""
    buffer = workspace.empty(("dstats", "kept"), dstats.shape, dstats.dtype)
    buffer[:] = dstats
    return buffer
