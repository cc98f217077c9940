"""Which interpreters take the package: those that it can't be used in say so when it is imported."""

import pathlib
import subprocess
import sys

import pytest
from conftest import PATIENCE

ROOT = pathlib.Path(__file__).parent.parent

# What a subinterpreter does; the main one goes on with what it had.
IN_A_SUBINTERPRETER = """
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    made = interpreters.create({config!r})
else:
    import _xxsubinterpreters as interpreters
    made = interpreters.create(isolated={config!r} == "isolated")
if {is_first}:
    import ottla
interpreters.run_string(made, '''
try:
    import ottla
except ImportError as error:
    print("refused:", error, flush=True)
else:
    print("imported", flush=True)
''')
import ottla
assert len(ottla.Producer({{"bootstrap.servers": "localhost:1"}})) == 0
"""


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Those that share the main interpreter's lock are what mod_wsgi makes.
@pytest.mark.parametrize("config", ["isolated", "legacy"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_subinterpreter_is_refused(config, is_first):
    told = run(IN_A_SUBINTERPRETER.format(config=config, is_first=is_first))
    assert told.startswith("refused: ") and "subinterpreter" in told


def test_a_free_threaded_build_is_refused():
    # As it shows itself: its modules are found by other names, so that the native one would only seem to be missing.
    told = run(
        "import sys\n"
        "sys.abiflags = 't'\n"
        "try:\n"
        "    import ottla\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    assert "free-threaded" in told
