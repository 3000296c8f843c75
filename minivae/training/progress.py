"""The progress bar of everything that sees training samples."""

from tqdm import tqdm


def progress_bar(samples: int, progress: bool | None, seen: int = 0) -> tqdm:
    """Return a bar on stderr that counts samples.

    Parameters
    ----------
    samples : int
        To see in all.
    progress : bool or None
        Whether to show it; None: if stderr is a terminal.
    seen : int
        Samples that have been seen already.

    Returns
    -------
    bar : tqdm.tqdm
    """
    return tqdm(
        total=samples,
        initial=min(samples, seen),
        unit=" samples",
        unit_scale=True,
        dynamic_ncols=True,
        smoothing=0.1,
        disable=None if progress is None else not progress,
    )
