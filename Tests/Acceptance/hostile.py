"""What hostile tests need of the machine: private mounts, another user, an interposed C library."""

import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from iml_lab import AGENT, IN_CI, run

NOBODY = 65534
DAY = 86_400
INTERPOSE = pathlib.Path(__file__).with_name("interpose.c")


def need(condition, what):
    """A loud skip where the machine lacks something; CI may not lack it."""
    if condition:
        return
    if IN_CI:
        raise AssertionError(f"CI must have {what}")
    raise unittest.SkipTest(f"left out: needs {what}")


def need_root():
    need(os.geteuid() == 0, "root, for mounts and other users")


_has_private_mounts = False


def private_mounts():
    """From here on this process and its children have mounts of their own; they end with it."""
    global _has_private_mounts
    need_root()
    if _has_private_mounts:
        return
    # Linux' CLONE_NEWNS.
    need(ctypes.CDLL(None, use_errno=True).unshare(0x20000) == 0, "the right to make mounts")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    _has_private_mounts = True


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


def unmount(path):
    subprocess.run(["umount", "--lazy", str(path)], check=False)


_library = None


def interposer():
    """The library of interpose.c, made once."""
    global _library
    if _library is None:
        compiler = shutil.which("cc") or shutil.which("clang")
        need(compiler, "a C compiler")
        folder = pathlib.Path(tempfile.mkdtemp(prefix="iml-interpose-"))
        unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
        _library = folder / "interpose.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", _library, INTERPOSE, "-ldl"],
                       check=True)
    return _library


class Reads:
    """Reads of a program started with `environment` fail as ordered, from now on."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "interposed-reads"
        self.environment = {"LD_PRELOAD": str(interposer()), "INTERPOSE_READS": str(self.path)}

    def fail(self, suffix, after, number):
        scratch = self.path.with_suffix(".new")
        scratch.write_text(f"{suffix} {after} {number}\n")
        scratch.replace(self.path)

    def never_end(self, suffix, after=0):
        self.fail(suffix, after, 0)

    def heal(self):
        self.path.unlink()


def clock_off(seconds):
    """The environment of a program whose wall clock is wrong."""
    return {"LD_PRELOAD": str(interposer()), "INTERPOSE_CLOCK": str(seconds)}


class Look:
    """One `iml-agent inspect`, with what it cost."""

    def __init__(self, tree, *options, env=None, prefix=(), seconds=60):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            begun = time.monotonic()
            process = subprocess.Popen(
                [*map(str, prefix), str(AGENT), "inspect", "--root", str(tree), "-o", "json",
                 *options], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env={**os.environ, **(env or {})})
            # A look that does not end is a failure of its own, and must not hang the test.
            alarm = subprocess.Popen(["sh", "-c", f"sleep {seconds}; kill -9 {process.pid}"],
                                     start_new_session=True)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.seconds = time.monotonic() - begun
            os.killpg(alarm.pid, 9)
            alarm.wait()
            out.seek(0)
            err.seek(0)
            self.out, self.errors = out.read(), err.read().decode(errors="replace")
        self.code, self.megabytes = process.returncode, usage.ru_maxrss / 1024

    @property
    def json(self):
        if self.code not in (0, 5):
            raise AssertionError(f"inspect: exit {self.code}\n{self.errors[-3000:]}")
        return json.loads(self.out)

    def values(self, target=None):
        """{(metric, labels): value}, of one target or of all."""
        return {(s["metric"], tuple(sorted(s["labels"].items()))): s["value"]
                for s in self.json["series"] if target in (None, s["labels"].get("target"))}

    def failures(self):
        return {f["source"]: f["reason"] for f in self.json["failures"]}

    def outcomes(self):
        return {c["name"]: c["outcome"] for c in self.json["sections"]["collectors"]["collectors"]}


def openssl_time(seconds):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds))


class Forger:
    """Certificates of the manager's own CA, as only a thief of its key could make them."""

    def __init__(self, lab, manager):
        self.folder = lab.path / "thief"
        self.folder.mkdir()
        key = next(path for path in manager.state.iterdir()
                   if path.is_file() and path.stat().st_size < 10_000
                   and b"PRIVATE KEY" in path.read_bytes())
        ca = next(path for path in manager.state.iterdir()
                  if path.suffix == ".pem" and b"BEGIN CERTIFICATE" in path.read_bytes())
        (self.folder / "index").write_text("")
        (self.folder / "ca.conf").write_text(
            f"[ca]\ndefault_ca = x\n[x]\ndatabase = {self.folder}/index\nnew_certs_dir = "
            f"{self.folder}\nrand_serial = yes\ndefault_md = sha256\npolicy = any\n"
            f"certificate = {ca}\nprivate_key = {key}\nunique_subject = no\n[any]\ncommonName = "
            "optional\n")

    def make(self, directory, name, usage, begins, ends):
        directory.mkdir(exist_ok=True)
        extensions = self.folder / "extensions"
        extensions.write_text(f"subjectAltName=URI:{name},DNS:localhost,IP:127.0.0.1\n"
                              f"extendedKeyUsage={usage}\nbasicConstraints=critical,CA:FALSE\n")
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", directory / "key.pem", "-subj", "/CN=forged", "-out",
            self.folder / "request.pem")
        run("openssl", "ca", "-batch", "-notext", "-config", self.folder / "ca.conf", "-extfile",
            extensions, "-startdate", openssl_time(begins), "-enddate", openssl_time(ends), "-in",
            self.folder / "request.pem", "-out", directory / "certificate.pem")
        return directory
