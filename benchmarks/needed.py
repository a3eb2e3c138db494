"""Ends a script with one line where the interpreter lacks a package that dfnas loads. Import it before dfnas.

A machine with a GPU often has torch and little else, and sometimes no network.
"""

from importlib.util import find_spec

PACKAGES = ("h5py", "numpy", "pydantic", "torch", "tqdm")


def require(*packages: str) -> None:
    """Raises SystemExit, with what to do, where one of the packages is missing."""
    missing = " ".join(package for package in packages if find_spec(package) is None)
    if missing:
        raise SystemExit(
            f"this Python has no {missing}: python -m pip install {missing}; where there is no network, do that with "
            "--target FOLDER under the same version of Python elsewhere, bring FOLDER and set PYTHONPATH=FOLDER"
        )


require(*PACKAGES)
