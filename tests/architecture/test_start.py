"""What starts quickly keeps to it: libraries that take long to load are loaded by what needs them."""

import subprocess
import sys


def test_putting_the_services_together_loads_nothing_that_only_deriving_and_drawing_need():
    heavy = "{'scipy', 'graspologic_native', 'pandas'}"
    loaded = f"import sys, services.embedded.runtime; print({heavy} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout == "set()\n"


def test_the_children_of_an_import_load_no_more_than_they_need():
    heavy = "{'numpy', 'pyarrow', 'pandas', 'scipy', 'ladybug'}"  # each takes tens of MiB, in each of two processes
    loaded = "import sys, services.__main__, services.embedded.preparing, services.graph.aside"
    told = subprocess.run(
        [sys.executable, "-c", f"{loaded}; print({heavy} & set(sys.modules))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout == "set()\n"
