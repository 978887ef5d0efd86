"""Unpacks what the native addon needs from a TensorFlow wheel, and says which CUDA packages that wheel asks for.

    tensorflow-wheel.py unpack WHEEL FOLDER     FOLDER/tensorflow gets the C library and its headers
    tensorflow-wheel.py cuda WHEEL              prints the requirements of the extra `and-cuda`, one a line

Standard library only: nothing has to be installed to run it.
"""

import os
import re
import shutil
import sys
import zipfile

HEADERS = ("tensorflow/c/", "tensorflow/core/platform/", "tsl/platform/", "xla/tsl/c/")
LIBRARY = re.compile(r"tensorflow/(libtensorflow_(?:cc|framework)\.(?:so|[0-9.]*dylib)[^/]*)$")


def unpack(wheel: str, folder: str) -> None:
    libraries = []
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            library = LIBRARY.match(name)
            header = name.endswith(".h") and name.startswith(tuple("tensorflow/include/" + part for part in HEADERS))
            if not library and not header:
                continue
            target = os.path.join(folder, *name.split("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with archive.open(name) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            if library:
                libraries.append(library.group(1))
    for part, link in (("libtensorflow_cc", "libtensorflow.so"), ("libtensorflow_framework", "libtensorflow_framework.so")):
        found = [name for name in libraries if name.startswith(part)]
        if not found:
            sys.exit(f"{os.path.basename(wheel)} holds no {part}")
        path = os.path.join(folder, "tensorflow", link)
        if found[0] != link:
            if os.path.lexists(path):
                os.remove(path)
            os.symlink(found[0], path)


def cuda(wheel: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(metadata).decode("utf-8").splitlines()
    for line in lines:
        match = re.match(r"Requires-Dist:\s*([^;]+);.*extra\s*==\s*['\"]and-cuda['\"]", line)
        if match:
            print(re.sub(r"[\s()]", "", match.group(1)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["unpack"] and len(sys.argv) == 4:
        unpack(sys.argv[2], sys.argv[3])
    elif sys.argv[1:2] == ["cuda"] and len(sys.argv) == 3:
        cuda(sys.argv[2])
    else:
        sys.exit(__doc__)
