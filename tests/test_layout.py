"""The floors of the house: lower ones never import upper ones, and the engine nothing at all.

A room is a file or a folder of the package. It may import rooms on lower floors, and within a
folder whatever it likes.
"""

import ast
import subprocess
import sys
from pathlib import Path

import minivae

PACKAGE = Path(minivae.__file__).parent
DOORS = {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}  # no rooms: they open some

FLOORS = [
    ["app"],
    ["testing"],
    ["experiments", "checks", "explorer", "sklearn"],
    ["plots", "sentences"],
    ["training", "relatives"],
    ["evaluation"],
    ["estimators", "datasets"],
    ["vae"],
    ["networks"],
    ["layers", "likelihoods", "posteriors", "reparameterizations"],
    ["other_likelihoods", "model_inputs", "schedules"],
    ["optimizers", "gaussian", "parts", "data_stream", "binarization"],
    ["protocols"],
    ["params", "standard_densities", "validation"],
    ["engine"],
]
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def room_of(file):
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file):
    """The modules of the package that a file imports, wherever in it the statement stands."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            if node.module == "minivae":
                yield from (f"minivae.{alias.name}" for alias in node.names)
            else:
                yield node.module


def arrows():
    """All pairs ``(file, room it imports)`` between rooms."""
    for file in sorted(PACKAGE.rglob("*.py")):
        if file in DOORS:
            continue
        for module in imports(file):
            parts = module.split(".")
            if parts[0] == "minivae" and len(parts) > 1:
                room = minivae._HOMES.get(parts[1], parts[1]).split(".")[0]
                if room != room_of(file):
                    yield file, room


def test_every_room_has_its_floor():
    rooms = {room_of(file) for file in PACKAGE.rglob("*.py")}
    assert rooms - {file.stem for file in DOORS} == set(FLOOR_OF)


def test_lower_floors_do_not_import_upper_ones():
    wrong = [
        f"{file.relative_to(PACKAGE)} imports {room}"
        for file, room in arrows()
        if FLOOR_OF[room] <= FLOOR_OF[room_of(file)]
    ]
    assert not wrong


def test_an_arrow_that_points_up_is_seen(tmp_path):
    file = tmp_path / "params.py"
    file.write_text("def f():\n    from minivae.vae import VAE\n    from minivae import fit\n")
    assert list(imports(file)) == ["minivae.vae", "minivae.fit"]


def test_nothing_but_the_engine_knows_numba():
    for file in PACKAGE.rglob("*.py"):
        if room_of(file) != "engine":
            assert not {"numba", "llvmlite"} & {module.split(".")[0] for module in imports(file)}


def test_with_numpy_alone_numba_is_not_imported():
    code = (
        "import sys, pkgutil, minivae\n"
        "from importlib import import_module\n"
        "for m in pkgutil.walk_packages(minivae.__path__, 'minivae.'):\n"
        "    if not m.name.startswith('minivae.engine') and m.name != 'minivae.testing':\n"
        "        import_module(m.name)\n"
        "assert 'minivae.vae' in sys.modules and 'minivae.app.cli' in sys.modules\n"
        "print({'numba', 'llvmlite'} & set(sys.modules))\n"
    )
    environment = {"MINIVAE_ENGINE": "numpy", "PATH": "", "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "set()\n", done.stderr


def test_training_from_the_command_line_imports_no_relatives_and_no_sentences():
    code = (
        "import sys, minivae.app.cli, minivae.app.train, minivae.plots\n"
        "others = 'minivae.relatives', 'minivae.sentences', 'minivae.layers.recurrent', "
        "'minivae.engine.sequences'\n"
        "print([name for name in sys.modules if name.startswith(others)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[]\n", done.stderr
