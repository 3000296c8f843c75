"""The machinery: what makes a training step fast, and nothing that a reader of the paper needs.

    kernels       hot loops in Numba, each beside its NumPy form
    products      the matrix products of a layer: `tiles` in registers, zeros left out (`sparsity`)
    vector_math   exp and log1p that the compiler can vectorise
    prefetch      memory is asked for before it is written
    subnormals    tiny numbers are treated as zero
    team          a few threads in lockstep

Nothing here imports the rest of the library.
"""
