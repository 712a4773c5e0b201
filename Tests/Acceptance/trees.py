"""Reads and advances the files of a server's tree, on its own: nothing of the product is used."""

import os
import pathlib
import re
import threading
import time

LUSTRE_ROOTS = ("proc/fs/lustre", "sys/fs/lustre", "sys/kernel/debug/lustre")
LNET_ROOTS = ("proc/sys/lnet", "sys/kernel/debug/lnet")


class Tree:
    def __init__(self, path):
        self.path = pathlib.Path(path)

    def find(self, pattern, roots=LUSTRE_ROOTS):
        """Every file or folder under the roots that matches, each resolved name once."""
        found = {}
        for root in roots:
            for path in sorted((self.path / root).glob(pattern)):
                found.setdefault(str(path.relative_to(self.path / root)), path)
        return list(found.values())

    def text(self, pattern):
        for path in self.find(pattern):
            return path.read_text(errors="replace")
        return None

    def number(self, *patterns):
        for pattern in patterns:
            if (text := self.text(pattern)) and re.fullmatch(r"\s*-?\d+\s*", text):
                return int(text)
        return None

    def labels(self, device):
        """Labels of the targets with a folder under `mdt` or `obdfilter`."""
        return {path.name for path in self.find(f"{device}/*") if path.is_dir()}

    def osts(self):
        return self.labels("obdfilter")

    def mdts(self):
        return self.labels("mdt")

    def has_mgs(self):
        return any(path.is_dir() for path in self.find("mgs/MGS"))

    def clients(self, label):
        """UUIDs of the real clients of a target: no server's own connection."""
        device = "mdt" if label in self.mdts() else "obdfilter"
        uuids = set()
        for path in self.find(f"{device}/{label}/exports/*/uuid"):
            for line in path.read_text().split():
                if not re.search(r"-lwp-|-mdtlov_UUID|_UUID$", line):
                    uuids.add(line)
        return uuids

    def space(self, label):
        """(bytes total, free, available, inodes total, free), None where the tree does not tell."""
        def read(name, scale):
            number = self.number(f"obdfilter/{label}/{name}", f"osd-*/{label}/{name}")
            return None if number is None else number * scale
        return (*(read(f"kbytes{what}", 1024) for what in ("total", "free", "avail")),
                read("filestotal", 1), read("filesfree", 1))


COUNTER = re.compile(
    r"^(?P<name>.+?)(?P<gap>\s+)(?P<count>\d+) samples \[(?P<unit>[^\]]*)\](?P<rest>.*)$")


def stats_numbers(text):
    """{operation: (count, sum or None)} of a stats file."""
    numbers = {}
    for line in text.splitlines():
        if match := COUNTER.match(line):
            rest = match["rest"].split()
            numbers[match["name"]] = (
                int(match["count"]), int(rest[2]) if len(rest) >= 3 else None)
    return numbers


class StatsFile:
    """A stats file whose counts and sums grow by known rates a second."""

    def __init__(self, path, subject, next_number):
        self.path, self.subject = path, subject
        self.lines, self.fields = [], []
        for line in path.read_text().splitlines():
            match = COUNTER.match(line)
            if not match:
                self.lines.append((line, None))
                continue
            rest = match["rest"].split()
            fields = {"count": next_number(False)}
            if len(rest) >= 3:
                fields["sum"] = next_number(True)
            self.lines.append((match, fields))
            for name, (base, rate) in fields.items():
                self.fields.append((f"{subject} {match['name']} {name}", base, rate))

    def render(self, seconds):
        out = []
        for match, fields in self.lines:
            if fields is None:
                out.append(match)
                continue
            rest = match["rest"].split()
            if "sum" in fields:
                rest[2] = str(grown(fields["sum"], seconds))
            out.append(f"{match['name']}{match['gap']}{grown(fields['count'], seconds)} samples "
                       f"[{match['unit']}]{''.join(' ' + word for word in rest)}")
        return "\n".join(out) + "\n"


class LNetStats:
    """LNet's eleven numbers; message counters wrap at 32 bits, byte counters do not."""

    NAMES = ("errors", "send_count", "recv_count", "route_count", "drop_count", "send_length",
             "recv_length", "route_length", "drop_length")

    def __init__(self, path, subject, next_number):
        self.path, self.subject = path, subject
        self.head = path.read_text().split()[:2]
        self.values, self.fields = [], []
        for position, name in enumerate(self.NAMES):
            base, rate = next_number(position >= 5)
            if position < 5:
                base %= 1 << 32
            if name == "send_count":  # passes 2^32 half a minute in: within the window that is asked for
                base, rate = (1 << 32) - 4_001 * 30, 4_001
            self.values.append((base, rate, 1 << 32 if position < 5 else 1 << 64))
            self.fields.append((f"{subject} {name}", base, rate))

    def render(self, seconds):
        numbers = [str(grown((base, rate), seconds) % wrap) for base, rate, wrap in self.values]
        return " ".join(self.head + numbers) + "\n"


def grown(field, seconds):
    base, rate = field
    return base + int(rate * seconds)


class Stepper:
    """Advances the counters of trees by known rates, in small steps, until it is stopped."""

    STEP = 0.05

    def __init__(self, scratch):
        self.scratch = pathlib.Path(scratch) / ".step"
        self.files = []
        self._count = 0
        self._stop = threading.Event()
        self._thread = None
        self.seconds = 0.0
        self.error = None

    def _next(self, is_large):
        # Distinct bases name the field in the agent's output; distinct rates name it in a rate.
        self._count += 1
        if is_large:
            return 7_000_000_000_000 + self._count * 1_000_003, 900_000 + 10_007 * self._count
        return 2_000_000_000 + self._count * 10_007, 200 + 7 * self._count

    def add_tree(self, tree, host):
        for label in sorted(tree.osts()):
            for path in tree.find(f"obdfilter/{label}/stats"):
                self.files.append((label, StatsFile(path, f"obdfilter.{label}.stats", self._next)))
        for label in sorted(tree.mdts()):
            for path in tree.find(f"mdt/{label}/md_stats"):
                self.files.append((label, StatsFile(path, f"mdt.{label}.md_stats", self._next)))
        for path in tree.find("stats", LNET_ROOTS):
            self.files.append((host, LNetStats(path, f"{host} lnet stats", self._next)))
        self._write_all()

    def _write_all(self):
        for _, file in self.files:
            self.scratch.write_text(file.render(self.seconds))
            os.replace(self.scratch, file.path)

    def start(self):
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._begun = time.monotonic()
        self._thread.start()

    def _run(self):
        try:
            while not self._stop.wait(self.STEP):
                self.seconds = time.monotonic() - self._begun
                self._write_all()
        except OSError as error:
            self.error = error

    def stop(self):
        """Ends the growth; the files keep their last values."""
        self._stop.set()
        self._thread.join()
        if self.error:
            raise self.error
