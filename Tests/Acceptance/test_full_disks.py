#!/usr/bin/env python3
"""Disks that are full, read-only or damaged, under the manager and under the agent: both go on, say
so, lose nothing that was acknowledged, and recover by themselves."""

import errno
import json
import os
import socket
import sqlite3
import time
import unittest

import hostile
from iml_lab import IML, Agent, CommandFailed, Lab, Program, run, wait_until

METRIC = "lustre_node_context_switches_total"
HEADER = b"SQLite format 3\0"


def readiness(manager):
    """(status, body) of /readyz on the manager's Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(manager.state / "manager.sock"))
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return int(answer.split()[1]), answer.decode(errors="replace")


class Disk:
    """A small file system of its own at a path."""

    def __init__(self, lab, path, megabytes):
        path.mkdir(mode=0o700, exist_ok=True)
        hostile.mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", path)
        lab.addCleanup(hostile.unmount, path)
        self.path, self.filler = path, path / "filler"

    def fill(self):
        """Until not a byte fits, again and again: others may just have freed some."""
        with open(self.filler, "ab", buffering=0) as file:
            block = bytes(1 << 16)
            while block:
                try:
                    file.write(block)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    block = block[:len(block) // 2]

    def free(self):
        self.filler.unlink()

    def remount(self, how):
        hostile.mount("-o", f"remount,{how}", self.path)


class Disks(Lab):
    def setUp(self):
        hostile.private_mounts()
        super().setUp()

    def tree(self, host="oss01"):
        return self.trees("--layout", "mixed", "--servers", "4")[host]

    def times(self, manager, host):
        """When samples were taken, in seconds, by what the manager answers now."""
        group = manager.metric(METRIC, "--by", "server", "--last", "15m").get(host)
        return [point[0] / 1e9 for point in group["points"]] if group else []

    def check_no_hole(self, manager, host, begun, ended):
        times = self.times(manager, host)
        inside = [at for at in times if begun - 2 <= at <= ended + 2]
        self.assertGreater(len(inside), (ended - begun) * 0.5)
        holes = [(a, b) for a, b in zip(inside, inside[1:]) if b - a > 3.5]
        self.assertEqual(holes, [], "samples are missing")
        self.assertEqual(times, sorted(set(times)), "a sample twice")


class FullDisks(Disks):
    def refused_change(self, manager, disk):
        """What `iml token create` says while nothing can be written."""
        def refusal():
            disk.fill()
            code, _, errors = run(
                IML, "--state-dir", manager.state, "token", "create", "--role", "viewer", "-o",
                "json", expect=None)
            return json.loads(errors) if code else None
        return wait_until(refusal, "a change that is refused", seconds=20)

    def test_a_full_disk_under_the_manager(self):
        disk = Disk(self, self.path / "manager", 24)
        manager = self.manager(flush="1s")
        agent = Agent(self, manager, self.tree()).enrolled().wait_connected()
        wait_until(lambda: len(self.times(manager, agent.name)) >= 3, "the first samples")
        begun, mark = time.time(), len(manager.program.err)
        disk.fill()
        manager.log(r"can ?not be (written|stored)|No space|ENOSPC|disk is full", since=mark)
        # It goes on: agents are heard, operators are answered, and the answer tells.
        until = time.monotonic() + 8
        while time.monotonic() < until:
            self.assertTrue(manager.program.is_running)
            self.assertEqual(manager.contact(agent.name), "connected")
            disk.fill()
            time.sleep(0.5)
        received = manager.server(agent.name)["batchesReceived"]
        wait_until(lambda: manager.server(agent.name)["batchesReceived"] > received,
                   "samples taken all the same")
        # What can not be written is refused, and an enrolment that was refused is none.
        late = Agent(self, manager, self.trees("--servers", "4")["oss02"])
        try:
            late.enrol()
        except CommandFailed as error:
            self.assertIn('"reason"', error.output + error.errors)
            self.assertFalse((late.state / "agent.conf").exists())
        # So is a change, and it says which disk, why, and what to do.
        said = self.refused_change(manager, disk)
        self.assertEqual(said["code"], "state-directory-unusable", said)
        self.assertIn(str(disk.path), said["reason"])
        self.assertRegex(said["reason"], r"is full|disk is full|No space")
        self.assertIn(str(disk.path), said["remedy"])
        # A manager that dies now has lost nothing that it had acknowledged.
        manager.kill()
        disk.free()
        manager.start()
        agent.wait_connected()
        ended = time.time()
        wait_until(lambda: max(self.times(manager, agent.name), default=0) > ended,
                   "samples after it")
        self.check_no_hole(manager, agent.name, begun, ended)
        self.assertEqual(manager.server(agent.name)["losses"], [])
        late.enrol()

    def test_a_manager_recovers_without_a_restart(self):
        disk = Disk(self, self.path / "manager", 24)
        manager = self.manager(flush="1s")
        agent = Agent(self, manager, self.tree()).enrolled().wait_connected()
        wait_until(lambda: len(self.times(manager, agent.name)) >= 3, "the first samples")
        begun = time.time()
        for _ in range(2):
            disk.fill()
            wait_until(lambda: readiness(manager)[0] == 503 or disk.fill(), "not ready")
            self.assertRegex(readiness(manager)[1], r"full|room|No space")
            time.sleep(3)
            disk.free()
            wait_until(lambda: readiness(manager)[0] == 200, "ready again")
        time.sleep(3)
        # Stored, and not only held in memory: it is there after a kill with the agent away.
        agent.program.terminate()
        time.sleep(3)
        ended = max(self.times(manager, agent.name))
        manager.kill()
        manager.start()
        self.check_no_hole(manager, agent.name, begun, ended - 1)
        self.assertEqual(manager.server(agent.name)["losses"], [])

    def test_a_full_disk_under_the_agent(self):
        # Often, so that the last page of the spool's file is soon full.
        manager = self.manager(collect="200ms", flush="1s")
        agent = Agent(self, manager, self.tree(), through=self.proxy(manager.agent_port))
        disk = Disk(self, agent.state, 2)
        disk.fill()
        status, _, errors = agent.enrol(expect=None)
        self.assertNotEqual(status, 0)
        self.assertRegex(errors, r"No space left on device\n  Make room on its disk")
        self.assertFalse((agent.state / "agent.conf").exists(), "it believes that it is enrolled")
        disk.free()
        agent.enrol()
        agent.start().wait_connected()
        wait_until(lambda: len(self.times(manager, agent.name)) >= 3, "the first samples")

        def told():
            return [f for f in manager.findings()
                    if f["code"] == "collector-failed" and "spool" in f["reason"]]
        begun = time.time()
        disk.fill()
        agent.program.wait_error(r"spool can not be written")
        wait_until(lambda: told() or disk.fill(), "the full disk among the findings")
        before = len(self.times(manager, agent.name))
        wait_until(lambda: len(self.times(manager, agent.name)) > before + 1,
                   "samples go on without a spool")
        # Memory bridges an outage where the disk can not.
        agent.through.cut()
        time.sleep(5)
        agent.through.heal()
        agent.wait_connected()
        disk.free()
        # Perhaps before: what is acknowledged is removed, and makes room.
        agent.program.wait_error(r"spool is written again")
        wait_until(lambda: not told(), "the finding gone")
        ended = time.time()
        wait_until(lambda: max(self.times(manager, agent.name)) > ended, "samples after it")
        self.check_no_hole(manager, agent.name, begun, ended)
        self.assertEqual(manager.server(agent.name)["losses"], [])


class BadState(Disks):
    def refused(self, manager, *patterns, untouched=True):
        """It does not start, says why in one sentence, and changes no file of its state."""
        before = self.contents(manager.state)
        with self.assertRaises(AssertionError):
            manager.start()
        self.assertNotIn(manager.program.wait(), (0, None))
        self.assertGreaterEqual(manager.program.process.returncode, 0, "it trapped")
        said = [line for line in manager.program.err if line.strip()]
        for pattern in patterns:
            self.assertRegex("\n".join(said), pattern)
        self.assertLessEqual(len(said), 4, said)
        if untouched:
            self.assertEqual(self.contents(manager.state), before)

    @staticmethod
    def contents(folder):
        return {path.name: path.read_bytes() for path in folder.rglob("*")
                if path.is_file() and not path.name.endswith(("-shm", "-wal", "lock"))}

    def stopped(self):
        manager = self.manager()
        self.assertEqual(manager.program.terminate()[0], 0)
        return manager

    def database(self, manager):
        return max((path for path in manager.state.iterdir()
                    if path.is_file() and path.read_bytes()[:16] == HEADER),
                   key=lambda path: path.stat().st_size)

    def test_corrupt_and_newer_databases_are_refused(self):
        manager = self.stopped()
        path = self.database(manager)
        whole = path.read_bytes()
        for name, data in (("noise", os.urandom(len(whole))), ("its head lost", bytes(100) + whole[100:]),
                           ("cut", whole[:len(whole) // 2 + 17]),
                           ("pages of noise", whole[:4096] + os.urandom(len(whole) - 4096))):
            with self.subTest(name):
                path.write_bytes(data)
                self.refused(manager, r"(?i)database|corrupt|damaged|malformed")
        path.write_bytes(whole)
        with self.subTest("newer"):
            newer = sqlite3.connect(path)
            newer.execute("INSERT INTO grdb_migrations VALUES ('9999-of-the-future')")
            newer.commit()
            newer.close()
            # The log of that write is moved into the file, which changes it, but not what it says.
            self.refused(manager, r"(?i)newer", untouched=False)
            still = sqlite3.connect(path)
            self.assertEqual(still.execute(
                "SELECT count(*) FROM grdb_migrations WHERE identifier = '9999-of-the-future'"
            ).fetchone(), (1,))
            still.close()
        path.write_bytes(whole)
        manager.start()
        self.assertEqual(manager.json("server", "list"), [])

    def test_a_damaged_file_of_history_costs_what_is_in_it_and_no_more(self):
        manager = self.manager(flush="1s")
        agent = Agent(self, manager, self.tree()).enrolled().wait_connected()
        wait_until(lambda: len(self.times(manager, agent.name)) >= 3, "the first samples")
        day = wait_until(lambda: max((manager.state / "history").glob("raw-*.sqlite"), default=None),
                         "a block in history")
        manager.kill()
        noise = os.urandom(day.stat().st_size)
        day.write_bytes(noise)
        for ending in ("-wal", "-shm"):
            day.with_name(day.name + ending).unlink(missing_ok=True)
        kept = day.with_name(day.name + ".damaged")
        for _ in range(2):
            manager.start()
            manager.log(r"a file of history is damaged")
            self.assertEqual(kept.read_bytes(), noise, "kept, not a byte changed")
            finding = next(each for each in manager.findings() if each["code"] == "database-corrupt")
            self.assertEqual(finding["subject"], f"history/{kept.name}")
            agent.wait_connected()
            now = time.time()
            wait_until(lambda: any(at > now for at in self.times(manager, agent.name)), "new samples")
            answer = manager.json("metrics", "query", METRIC, "--last", "15m")
            self.assertEqual([gap["file"] for gap in answer["unreadable"]], [f"history/{kept.name}"])
            self.assertIn("Not readable from", manager.cli("metrics", "query", METRIC))
            losses = [loss["reason"] for loss in manager.server(agent.name)["losses"]]
            told = [reason for reason in losses if kept.name in reason]
            self.assertEqual(len(told), 1, losses)
            manager.kill()
        kept.unlink()
        manager.start()
        self.assertNotIn("database-corrupt", manager.codes())
        self.assertNotIn("unreadable", manager.json("metrics", "query", METRIC))

    def test_a_log_of_history_that_lost_its_end_is_told(self):
        manager = self.manager(flush="1s")
        agent = Agent(self, manager, self.tree()).enrolled().wait_connected()
        wait_until(lambda: len(self.times(manager, agent.name)) >= 8, "samples")
        manager.kill()
        wal = next((manager.state / "history").glob("raw-*.sqlite-wal"))
        before = wal.stat().st_size
        os.truncate(wal, before * 3 // 4)
        manager.start()
        agent.wait_connected()
        manager.log(r"batches that were stored are missing.*history/raw-\S+ lost its end")
        lost = wait_until(lambda: [loss for loss in manager.server(agent.name)["losses"]
                                   if loss["batches"]], "the loss is told")
        self.assertRegex(lost[0]["reason"], r"history/raw-\S+ lost its end")
        self.assertLess(lost[0]["afterNanoseconds"], lost[0]["beforeNanoseconds"])
        # And it goes on.
        now = time.time()
        wait_until(lambda: any(at > now for at in self.times(manager, agent.name)), "new samples")

    def test_a_read_only_disk_refuses_a_start_and_stops_nothing_that_runs(self):
        disk = Disk(self, self.path / "manager", 24)
        manager = self.manager(flush="1s")
        agent = Agent(self, manager, self.tree()).enrolled().wait_connected()
        manager.program.terminate()
        disk.remount("ro")
        self.refused(manager, r"(?i)read-?only|can ?not|EROFS")
        disk.remount("rw")
        manager.start()
        agent.wait_connected()

    def test_of_two_managers_that_start_at_once_one_serves(self):
        manager = self.stopped()
        programs = [self.keep(Program(f"manager {n}", [
            IML, "serve", "--state-dir", manager.state, "--https", "127.0.0.1:0", "--agents",
            "127.0.0.1:0"])) for n in range(4)]
        wait_until(lambda: sum(p.is_running for p in programs) == 1
                   and any(p.out for p in programs), "one of four")
        for program in programs:
            if program.is_running:
                self.assertRegex(program.out[0], "https://")
            else:
                self.assertGreater(program.wait(), 0)
                self.assertRegex("\n".join(program.err), "another manager")
        manager.cli("status")


class UnreadableHistory(Lab):
    def test_a_start_without_a_file_of_history_is_the_operators_decision(self):
        tree = self.trees("--layout", "2.15", "--servers", "4")["oss01"]
        reads = hostile.Reads(self.path)
        server = self.manager(env=reads.environment)
        agent = Agent(self, server, tree).enrolled().wait_connected()
        history = server.state / "history"
        wait_until(lambda: list(history.glob("raw-*.sqlite")), "a day's file")
        agent.program.terminate()
        server.program.terminate(30)
        day = next(history.glob("raw-*.sqlite"))
        reads.fail(day.name, 0, errno.EIO)
        refused = Program("serve", [
            IML, "serve", "--state-dir", server.state, "--https", "127.0.0.1:0", "--agents",
            "127.0.0.1:0"], reads.environment)
        self.keep(refused)
        self.assertEqual(refused.wait(), 1)
        self.assertIn(f"{day}: the disk fails at this file", refused.tail())
        self.assertIn("move it with its -wal and -shm elsewhere", refused.tail().replace("\n", " "))
        # Refused, it has touched nothing; without the fault all is there.
        reads.heal()
        server.start()
        self.assertTrue(server.metric(METRIC, "--last", "1h"))
        server.program.terminate(30)
        reads.fail(day.name, 0, errno.EIO)
        for ending in ("", "-wal", "-shm"):
            if (file := day.with_name(day.name + ending)).exists():
                file.rename(self.path / file.name)
        reads.heal()
        server.start()
        losses = server.server("oss01")["losses"]
        self.assertTrue(any(day.name in loss["reason"] for loss in losses), losses)


if __name__ == "__main__":
    unittest.main()
