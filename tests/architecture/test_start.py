"""What starts quickly keeps to it: libraries that take long to load are loaded by what needs them."""

import subprocess
import sys


def loaded_of(heavy: set[str], modules: str) -> str:
    """Import modules in a fresh process; return which of the heavy libraries are loaded then."""
    program = f"import sys, {modules}; print({heavy} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return told.stdout


def test_putting_the_services_together_loads_nothing_that_only_deriving_and_drawing_need():
    heavy = {"scipy", "graspologic_native", "pandas"}
    assert loaded_of(heavy, "services.embedded.runtime") == "set()\n"


def test_the_children_of_an_import_load_no_more_than_they_need():
    heavy = {"numpy", "pyarrow", "pandas", "scipy", "ladybug"}  # each takes tens of MiB, in each of two processes
    assert loaded_of(heavy, "services.__main__, services.embedded.preparing, services.graph.aside") == "set()\n"
