"""The machinery: what makes a training step fast, and nothing that a reader of the paper needs.

    mode          kernels, or the NumPy lines that they stand for
    kernels       hot loops in Numba, made into machine code by `compiled`
    products      the matrix products of a layer: `tiles` in registers, zeros left out (`sparsity`)
    vector_math   exp and log1p that the compiler can vectorise
    patches       what convolutions are made of
    prefetch      memory is asked for before it is written
    subnormals    tiny numbers are treated as zero
    control_register  the switch for that, in x86
    team          a few threads that work side by side
    barrier       where they meet
    turns         how they share the interpreter
    memory        arrays that begin where a cache line does
    arena         arrays that every step uses again: what the library calls ``new``
    lockstep      gradient steps that threads share

Nothing here imports the rest of the library.
"""
