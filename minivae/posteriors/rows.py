"""How rows of samples are laid out; shared by all posteriors."""


def samples(rows, stats):
    """Lay the (L * M, n) array `rows` out as (L, M, n), for the M datapoints of `stats`."""
    return rows.reshape(-1, len(stats), rows.shape[-1])
