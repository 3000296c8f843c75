"""The products' loops keep their vectors in registers, whatever CPU they are compiled for."""

import platform
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import spills

from minivae.engine.mode import NUMPY_ONLY

LOOP = """
.LBB0_1:
\tvmovups\t(%rax), %zmm1
{body}
\tjne\t.LBB0_1
\tretq
"""


def test_a_vector_that_goes_to_the_stack_is_seen():
    stored = "\tvmovups\t%zmm31, 128(%rsp)"
    assert spills.spills(LOOP.format(body=stored)) == 1
    assert spills.spills(LOOP.format(body=f"{stored}\n{stored}")) == 2
    for other in (
        "\tvmovups\t%zmm31, (%rdx)",
        "\tmovq\t%rax, 8(%rsp)",
        f"\tcallq\t*%rax\n{stored}",
    ):
        assert spills.spills(LOOP.format(body=other)) == 0
    assert spills.spills(stored + LOOP.format(body="") + stored) == 0


@pytest.mark.skipif(
    NUMPY_ONLY or platform.machine().lower() not in ("x86_64", "amd64"), reason="not of x86"
)
@pytest.mark.parametrize(
    ("cpu", "names"),
    [(None, ["products._affine_skipping"]), ("znver4", spills.PRODUCTS)],
    ids=["here", "where LLVM would unroll most"],
)
def test_products_store_no_vectors_while_they_loop(cpu, names):
    found = spills.inspect_for(cpu, names)
    assert len(found) == 2 * len(names)
    assert not any(found.values()), found
