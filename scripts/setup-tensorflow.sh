#!/usr/bin/env bash
# Gives @tensorflow/tfjs-node-gpu (installed by npm without install scripts) its native addon.
#
#   npm run setup:tensorflow [-- --from package|pip] [-- --device cpu|cuda] [-- --force]
#
# --from package   the package's own installer: TensorFlow's binaries of 2022, downloaded from their host
# --from pip       a build of the addon (one g++ call) against a current TensorFlow, taken from pip
#                  default: the installer where its host answers and no NVIDIA GPU is here, else pip
# --device         which TensorFlow pip brings; default: cuda where an NVIDIA GPU is here, else cpu
# --force          again, though a working addon is there
#
# Environment: PYTHON (python3), TENSORFLOW_VERSION (2.21.0), TENSORFLOW_WHEEL (a wheel at hand, no download), CXX (g++).
# Writes into node_modules only, so `npm ci` undoes it; package.json and the lockfile stay as they are.
set -euo pipefail

say() { printf 'setup:tensorflow: %s\n' "$*"; }
fail() { printf 'setup:tensorflow: %s\n' "$@" >&2; exit 1; }

from=auto device=auto force=0
while [ $# -gt 0 ]; do
  case $1 in
    --from) from=${2:-}; shift 2 ;;
    --device) device=${2:-}; shift 2 ;;
    --force) force=1; shift ;;
    *) sed -n '2,13p' "$0" | cut -c3-; exit 2 ;;
  esac
done
case $from in auto | package | pip) ;; *) fail "--from is 'package' or 'pip', not '$from'" ;; esac
case $device in auto | cpu | cuda) ;; *) fail "--device is 'cpu' or 'cuda', not '$device'" ;; esac

root=$(cd "$(dirname "$0")/.." && pwd)
package=$root/node_modules/@tensorflow/tfjs-node-gpu
[ -f "$package/package.json" ] || fail "$package is not installed." "Run 'npm ci' first."
python=${PYTHON:-python3}
version=${TENSORFLOW_VERSION:-2.21.0}
addon=$package/lib/napi-v8/tfjs_binding.node
stamp=$package/lib/.source

gpu=0
if [ -e /dev/nvidia0 ] || { command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU; }; then gpu=1; fi
if [ "$device" = auto ]; then if [ $gpu = 1 ]; then device=cuda; else device=cpu; fi; fi

# One small product through the addon, in a process of its own: a library that does not fit aborts.
works() {
  (cd "$root" && TF_CPP_MIN_LOG_LEVEL=3 node -e '
    const util = require("node:util");
    util.isNullOrUndefined ??= (value) => value === null || value === undefined;
    util.isArray ??= Array.isArray;
    console.info = console.warn = () => {};
    const tf = require("@tensorflow/tfjs-node-gpu");
    const product = String(tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]).dataSync());
    if (tf.getBackend() !== "tensorflow" || product !== "19,22,43,50") throw new Error(tf.getBackend() + " " + product);
    process.stdout.write(tf.backend().binding.TF_Version);' 2> >(grep -vE '^(WARNING: All log|I0000|To enable the following)' >&2))
}

if [ $force = 0 ] && [ -f "$addon" ] && found=$(works 2>/dev/null); then
  say "the addon is there and works (TensorFlow $found, $(cat "$stamp" 2>/dev/null || echo 'origin unknown')); --force builds it again"
  exit 0
fi

if [ "$from" = auto ]; then
  # The installer's binaries know no NVIDIA card younger than 2022, and Linux is where pip's wheels hold the C library.
  from=pip
  if [ "$(uname -s)" != Linux ]; then
    from=package
  elif [ $gpu = 0 ] && command -v curl >/dev/null; then
    host=$(sed -n "s/.*CDN_STORAGE || '\(https[^']*\)'.*/\1/p" "$package/scripts/install.js" | head -n 1)
    if [ -n "$host" ] && curl -sI --max-time 8 -o /dev/null "$host"; then from=package; fi
  fi
fi

if [ "$from" = package ]; then
  say "running the package's own installer (TensorFlow's binaries of 2022)"
  rm -rf "$package/deps" "$package/lib"
  if (cd "$package" && node scripts/install.js gpu download) && found=$(works); then
    mkdir -p "$package/lib"
    echo "$found (the package's own binaries)" >"$stamp"
    say "ready: TensorFlow $found"
    exit 0
  fi
  [ "$(uname -s)" = Linux ] || fail "the package's own installer failed (its output is above), and on $(uname -s) there is no other way." \
    "The other runtimes need no setup: --device onnx:cpu, onnx:webgpu."
  say "the installer did not serve; building against TensorFlow from pip instead"
fi

[ "$(uname -s)" = Linux ] || fail "--from pip works on Linux only: pip's wheels for $(uname -s) hold no C library."
"$python" -m pip --version >/dev/null 2>&1 || fail "$python has no pip." "Install it (Debian: apt-get install python3-pip) or set PYTHON."
compiler=${CXX:-g++}
command -v "$compiler" >/dev/null || fail "no C++ compiler '$compiler'." "Install one (Debian: apt-get install g++) or set CXX."

if [ "$device" = cuda ]; then spec=tensorflow==$version; else spec=tensorflow-cpu==$version; fi
# pip has the CPU build under its own name for x86-64 only; elsewhere `tensorflow` is the CPU build.
if [ "$device" = cpu ] && [ "$(uname -m)" != x86_64 ]; then spec=tensorflow==$version; fi
cache=$root/node_modules/.cache/gd-instabilities
library=$cache/tensorflow-$device-$version
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# 1. TensorFlow's C library and headers. The folder appears under its name only when complete.
if [ ! -e "$library/.complete" ]; then
  wheel=${TENSORFLOW_WHEEL:-}
  if [ -z "$wheel" ]; then
    say "downloading $spec with pip (about 300 MB)"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: -d "$scratch" "$spec" ||
      fail "pip could not download $spec for $("$python" --version 2>&1) on $(uname -m)." \
        "Set TENSORFLOW_VERSION to one that it has, or TENSORFLOW_WHEEL to a wheel at hand."
    wheel=$(ls "$scratch"/*.whl)
  fi
  say "unpacking its C library and headers"
  rm -rf "$library" "$library.part"
  mkdir -p "$library.part"
  "$python" "$root/scripts/tensorflow-wheel.py" unpack "$wheel" "$library.part"
  if [ "$device" = cuda ]; then
    # TensorFlow looks for the CUDA libraries in ../nvidia/*/lib beside its own folder.
    mapfile -t cuda < <("$python" "$root/scripts/tensorflow-wheel.py" cuda "$wheel")
    [ ${#cuda[@]} -gt 0 ] || fail "$(basename "$wheel") names no CUDA packages (extra 'and-cuda'): it is a CPU build."
    say "installing ${#cuda[@]} CUDA packages with pip (about 3 GB)"
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --target "$library.part" "${cuda[@]}"
  fi
  touch "$library.part/.complete"
  mv "$library.part" "$library"
fi

# 2. Node-API headers: Node's own where they are installed, else from npm.
headers=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")/include/node
if [ ! -f "$headers/node_api.h" ]; then
  say "fetching the Node-API headers from npm"
  (cd "$scratch" && npm pack --silent node-api-headers@1.9.0 >/dev/null && tar -xzf node-api-headers-*.tgz) ||
    fail "npm could not fetch node-api-headers."
  headers=$scratch/package/include
fi

# 3. The addon, in the layout that the package expects: deps/ holds TensorFlow, lib/napi-v8/ the addon.
say "compiling the addon"
rm -rf "$package/deps" "$package/lib"
mkdir -p "$package/deps" "$package/lib/napi-v8"
ln -s "$(realpath --relative-to="$package/deps" "$library/tensorflow")" "$package/deps/lib"
ln -s "$(realpath --relative-to="$package/deps" "$library/tensorflow/include")" "$package/deps/include"
(cd "$package" && "$compiler" -shared -fPIC -O2 -std=c++17 -w -DNAPI_VERSION=8 -I. -Ideps/include -I"$headers" \
  binding/tfjs_backend.cc binding/tfjs_binding.cc -o "$scratch/tfjs_binding.node" \
  -Ldeps/lib -ltensorflow -ltensorflow_framework '-Wl,-rpath,$ORIGIN/../../deps/lib') ||
  fail "the addon did not compile (the compiler's words are above)."
mv "$scratch/tfjs_binding.node" "$addon"
found=$(works) || { rm -f "$addon"; fail "the addon was built but does not run (Node's words are above)."; }
echo "$found $device (pip)" >"$stamp"
say "ready: TensorFlow $found ($spec)"
