"""Tiles of a matrix product that are computed in registers: vector code, written as LLVM.

A tile of 5 rows by 4 vectors of `out` takes 20 of the 32 registers of AVX-512. To it is added one
outer product after the other,

    tile[r, :] += a[r, k] * b[k, :]            for every k, or those that are wanted

each of which loads 5 numbers and 4 vectors for 20 multiplications and additions of vectors: this
keeps the arithmetic busy, not the memory. A product a b^T has rows along k on both sides; its tile
is 5 x 5 vectors, the lanes of which are summed in the end. AVX2 has 16 shorter registers: tiles are
5 rows by 2 vectors, and 3 x 3. No compiler finds this from a loop over numbers, and Numba has no
vectors, so the few instructions are put together by hand.

The functions are for use inside of kernels. Matrices are C-contiguous and of one dtype, float32 or
float64. `out` is at least as high as a tile and a vector wide, or for `dot_tile` as wide as a tile.
Where tiles do not come out even, the last one lies across its neighbour: those entries are computed
twice, to the same bits. Callers see to that, but for the right edge of an `outer_tile`.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils, codegen, config
from numba.extending import intrinsic

# As Numba compiles: for this CPU, or for what NUMBA_CPU_FEATURES and NUMBA_ENABLE_AVX leave of it.
_ASKED = vars(config)["CPU_FEATURES"]  # "" where NUMBA_CPU_NAME is generic
_FEATURES = set((codegen.get_host_cpu_features() if _ASKED is None else _ASKED).split(","))
HAS_AVX2 = {"+avx2", "+fma"} <= _FEATURES
HAS_AVX512 = "+avx512f" in _FEATURES

VECTOR_BYTES = 64 if HAS_AVX512 else 32
ROWS = 5  # of a tile
COLUMNS = 4 if HAS_AVX512 else 2  # of a tile, in vectors
SIDE = 5 if HAS_AVX512 else 3  # of a tile of `dot_tile`, with a vector for each number


class _Emitter:
    """The few LLVM instructions that a tile is made of, for arrays of one dtype."""

    def __init__(self, builder, dtype):
        self.builder = builder
        self.real = ir.FloatType() if dtype == types.float32 else ir.DoubleType()
        self.suffix = "f32" if dtype == types.float32 else "f64"
        self.lanes = VECTOR_BYTES * 8 // dtype.bitwidth
        self.bytes = dtype.bitwidth // 8
        self.vector = ir.VectorType(self.real, self.lanes)
        self.zeros = ir.Constant(self.vector, [0.0] * self.lanes)

    def int(self, value):
        return ir.Constant(ir.IntType(64), value)

    def at(self, pointer, *offsets):
        for offset in offsets:
            pointer = self.builder.gep(pointer, [offset])
        return pointer

    def minimum(self, a, b):
        return self.builder.select(self.builder.icmp_signed("<", a, b), a, b)

    def offsets(self, start, count, stride):
        """Where `count` rows begin, from row `start` on."""
        rows = [self.builder.add(start, self.int(r)) for r in range(count)]
        return [self.builder.mul(row, stride) for row in rows]

    def load(self, pointer):
        pointer = self.builder.bitcast(pointer, self.vector.as_pointer())
        return self.builder.load(pointer, align=self.bytes)

    def store(self, value, pointer):
        pointer = self.builder.bitcast(pointer, self.vector.as_pointer())
        self.builder.store(value, pointer, align=self.bytes)

    def splat(self, value, vector):
        """Return a vector of that type with `value` in every lane."""
        undefined, index = ir.Constant(vector, ir.Undefined), ir.IntType(32)
        first = self.builder.insert_element(undefined, value, index(0))
        zeros = ir.Constant(ir.VectorType(index, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, zeros)

    def multiply_add(self, a, b, total):
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fma.v{self.lanes}{self.suffix}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [a, b, total])

    def sum_of_lanes(self, vector):
        kind = ir.FunctionType(self.real, [self.real, self.vector])
        name = f"llvm.vector.reduce.fadd.v{self.lanes}{self.suffix}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [self.real(0.0), vector], fastmath=("reassoc",))

    def first_lanes(self, vector, count):
        """Keep that many lanes of `vector`; the others become zero."""
        index = ir.VectorType(ir.IntType(64), self.lanes)
        numbers = ir.Constant(index, list(range(self.lanes)))
        wanted = self.builder.icmp_signed("<", numbers, self.splat(count, index))
        return self.builder.select(wanted, vector, self.zeros)

    def accumulate(self, tile, start, stop, step, terms):
        """Return tile[r][c] plus the sum over k = start, start + step, ... < stop of u[r] * v[c].

        ``terms(k)`` emits the loading of the vectors u and v. There is at least one term.
        """
        builder = self.builder
        before, loop = builder.block, builder.append_basic_block("loop")
        after = builder.append_basic_block("after")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(ir.IntType(64))
        totals = [[builder.phi(self.vector) for _ in row] for row in tile]
        u, v = terms(k)
        k.add_incoming(start, before)
        following = builder.add(k, self.int(step))
        k.add_incoming(following, loop)
        sums = [
            [self.multiply_add(u[r], v[c], t) for c, t in enumerate(row)]
            for r, row in enumerate(totals)
        ]
        for row, row_before, row_after in zip(totals, tile, sums, strict=True):
            for total, value_before, value_after in zip(row, row_before, row_after, strict=True):
                total.add_incoming(value_before, before)
                total.add_incoming(value_after, loop)
        repeat = builder.cbranch(builder.icmp_signed("<", following, stop), loop, after)
        repeat.set_metadata("llvm.loop", self.as_it_is())
        builder.position_at_end(after)
        return sums

    def as_it_is(self):
        """Metadata of a loop that is not to be unrolled.

        Two rounds of a tile's loop at once need more registers than there are: some compilers'
        ideas of a processor (LLVM's of Zen 4) find that worth it, and vectors travel to the stack
        and back in every round, three times slower where the stack lies across cache lines.
        """
        module = self.builder.module
        disable = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
        loop = module.add_metadata([disable])
        loop.operands = (loop, disable)  # LLVM knows such metadata by their naming themselves
        return loop


def _data(context, builder, signature, arguments, position):
    """Return the pointer to the first element of an array argument, and its shape."""
    array = context.make_array(signature.args[position])(context, builder, arguments[position])
    return array.data, *cgutils.unpack_tuple(builder, array.shape)


@intrinsic
def outer_tile(typing, a, start, row, step, b, wanted, bias, out, i, j):
    """Compute a tile of up to ROWS x COLUMNS vectors with the upper left corner out[i, j].

    out[i + r, c] <- bias[c] + sum over k of a[start + row * r + step * k] * b[k, c], where `a` is
    taken as flat, k are the entries of `wanted`, of which there is one at least, or all if that is
    None, and bias may be None. Beyond the right edge there are no vectors.
    """

    def generate(context, builder, signature, arguments):
        emit = _Emitter(builder, signature.args[0].dtype)
        _, _, width = _data(context, builder, signature, arguments, 7)
        left = builder.sub(width, arguments[-1])
        for n in range(1, COLUMNS + 1):
            fits = builder.icmp_signed(">", left, emit.int((n - 1) * emit.lanes))
            if n < COLUMNS:
                enough = builder.icmp_signed("<=", left, emit.int(n * emit.lanes))
                fits = builder.and_(fits, enough)
            with builder.if_then(fits):
                _emit_outer_tile(context, builder, signature, arguments, n)
        return context.get_dummy_value()

    return types.void(a, start, row, step, b, wanted, bias, out, i, j), generate


def _emit_outer_tile(context, builder, signature, arguments, n_vectors):
    """Emit an outer tile of so many vectors in a row."""
    emit = _Emitter(builder, signature.args[0].dtype)
    _, start, row, step, _, _, _, _, i, j = arguments
    a, *_ = _data(context, builder, signature, arguments, 0)
    b, n_terms, width = _data(context, builder, signature, arguments, 4)
    out, *_ = _data(context, builder, signature, arguments, 7)
    last = builder.sub(width, emit.int(emit.lanes))
    columns = [
        emit.minimum(builder.add(j, emit.int(c * emit.lanes)), last) for c in range(n_vectors)
    ]
    numbers = [emit.at(a, start, offset) for offset in emit.offsets(emit.int(0), ROWS, row)]
    every = signature.args[5] is types.none
    if not every:
        wanted, n_terms = _data(context, builder, signature, arguments, 5)

    def terms(k):
        k = k if every else builder.load(emit.at(wanted, k))
        along_a, along_b = builder.mul(k, step), builder.mul(k, width)
        u = [builder.load(emit.at(number, along_a)) for number in numbers]
        v = [emit.load(emit.at(b, along_b, column)) for column in columns]
        return [emit.splat(number, emit.vector) for number in u], v

    first = [emit.zeros] * n_vectors
    if signature.args[6] is not types.none:
        bias, _ = _data(context, builder, signature, arguments, 6)
        first = [emit.load(emit.at(bias, column)) for column in columns]
    tile = emit.accumulate([first] * ROWS, emit.int(0), n_terms, 1, terms)
    for vectors, offset in zip(tile, emit.offsets(i, ROWS, width), strict=True):
        for vector, column in zip(vectors, columns, strict=True):
            emit.store(vector, emit.at(out, offset, column))


@intrinsic
def dot_tile(typing, a, b, out, i, j):
    """Compute a tile of SIDE x SIDE numbers with the upper left corner out[i, j].

    out[r, s] <- sum over k of a[r, k] * b[s, k], for more k than a vector has lanes.
    """

    def generate(context, builder, signature, arguments):
        emit = _Emitter(builder, signature.args[0].dtype)
        i, j = arguments[3:]
        a, _, n_terms = _data(context, builder, signature, arguments, 0)
        b, _, _ = _data(context, builder, signature, arguments, 1)
        out, _, width = _data(context, builder, signature, arguments, 2)
        left = [emit.at(a, offset) for offset in emit.offsets(i, SIDE, n_terms)]
        right = [emit.at(b, offset) for offset in emit.offsets(j, SIDE, n_terms)]

        def terms(k):
            return [[emit.load(emit.at(row, k)) for row in rows] for rows in (left, right)]

        # The first vectors are cut so that whole ones remain.
        rest = builder.srem(builder.sub(n_terms, emit.int(1)), emit.int(emit.lanes))
        first = builder.add(rest, emit.int(1))
        u, v = terms(emit.int(0))
        u = [emit.first_lanes(vector, first) for vector in u]
        tile = [[builder.fmul(u_r, v_s) for v_s in v] for u_r in u]
        tile = emit.accumulate(tile, first, n_terms, emit.lanes, terms)
        rows = emit.offsets(i, SIDE, width)
        columns = emit.offsets(j, SIDE, emit.int(1))
        for vectors, offset in zip(tile, rows, strict=True):
            for vector, column in zip(vectors, columns, strict=True):
                builder.store(emit.sum_of_lanes(vector), emit.at(out, offset, column))
        return context.get_dummy_value()

    return types.void(a, b, out, i, j), generate
