"""Fetches axe-core from npm's registry into target/axe, if it is not there: the tests in a browser use it to ask whether
pages are accessible. Without a network they are ignored, and say so."""

import hashlib
import io
import os
import sys
import tarfile
import urllib.request

VERSION = "4.14.0"
SHA256 = "20c09fe157a8a34a30e241aaa1fcdade657734f08ab379ecfbeb7d45cc46e878"
URL = f"https://registry.npmjs.org/axe-core/-/axe-core-{VERSION}.tgz"
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../target/axe/axe.min.js")


def is_there():
    try:
        with open(FILE, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest() == SHA256
    except OSError:
        return False


def fetch():
    with urllib.request.urlopen(URL, timeout=30) as answer:
        archive = tarfile.open(fileobj=io.BytesIO(answer.read()))
    text = archive.extractfile("package/axe.min.js").read()
    if hashlib.sha256(text).hexdigest() != SHA256:
        sys.exit(f"{URL} is not the file that was expected")
    os.makedirs(os.path.dirname(FILE), exist_ok=True)
    # The file is whole once it has its name.
    new = f"{FILE}.{os.getpid()}"
    with open(new, "wb") as file:
        file.write(text)
    os.replace(new, FILE)


if not is_there():
    try:
        fetch()
    except OSError as error:
        sys.exit(f"cannot fetch {URL}: {error}")
