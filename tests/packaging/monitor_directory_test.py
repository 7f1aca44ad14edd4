#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""monitor_directory_test.py PACKAGING: the users of packaging/sysusers.d and the directory of packaging/tmpfiles.d, made
in a scratch directory; who can make a monitor socket in it, and who can connect to one. 77: skipped."""
import contextlib
import errno
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

PACKAGING = pathlib.Path(sys.argv[1])
QEMU, OTHER_QEMU, STRANGER = 64001, 64002, 64003  # users


def as_user(uid, gid, umask, work):
    """What `work` returns in a process of that user: "done", or the error's name."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            os.umask(umask)
            work()
            os.write(writer, b"done")
        except OSError as error:
            os.write(writer, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="ascii") as said:
        os.waitpid(child, 0)
        return said.read()


def connect(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


@contextlib.contextmanager
def listening(path, uid, gid, umask):
    """A socket bound by that user. It listens in this process, which the rights to the file do not depend on."""
    with socket.socket(socket.AF_UNIX) as server:
        said = as_user(uid, gid, umask, lambda: server.bind(path))
        if said == "done":
            server.listen()
        yield said
    if said == "done":
        os.unlink(path)


class MonitorDirectory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        root = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, root)
        root.chmod(0o755)
        try:
            os.getxattr(root, "system.posix_acl_access")
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                raise unittest.SkipTest("no ACLs in this file system") from error
        (root / "etc").mkdir()
        with open(PACKAGING / "sysusers.d/rxfilter.conf", encoding="utf-8") as lines:
            subprocess.run(["systemd-sysusers", f"--root={root}", "-"], stdin=lines, check=True, capture_output=True)
        lines = [line.split(":") for line in (root / "etc/group").read_text().splitlines()]
        cls.groups = {line[0]: int(line[2]) for line in lines}
        cls.members = {line[0]: line[3] for line in lines}
        users = [line.split(":") for line in (root / "etc/passwd").read_text().splitlines()]
        cls.users = {line[0]: (int(line[2]), int(line[3])) for line in users}
        cls.make_directory(root)

    @classmethod
    def make_directory(cls, root):
        """By numbers: this host need not know the names. Twice, as at boot and at each update."""
        text = (PACKAGING / "tmpfiles.d/rxfilter.conf").read_text().replace("/run/", f"{root}/")
        text = text.replace(" root rxfilter-guest ", f" 0 {cls.groups['rxfilter-guest']} ")
        (root / "lines.conf").write_text(text.replace("group:kvm:", f"group:{cls.groups['kvm']}:"))
        for _ in range(2):
            subprocess.run(["systemd-tmpfiles", "--create", root / "lines.conf"], check=True)
        cls.directory = root / "rxfilter-qmp"
        cls.path = str(cls.directory / "web.sock")

    def connects(self, who):
        uid, gid = {"guest": self.users["rxfilter-guest"], "other QEMU": (OTHER_QEMU, self.groups["kvm"]),
                    "stranger": (STRANGER, STRANGER)}[who]
        return as_user(uid, gid, 0o022, lambda: connect(self.path))

    def test_users(self):
        self.assertEqual(self.members["rxfilter"], "rxfilter-guest")
        self.assertEqual(self.users["rxfilter-guest"][1], self.groups["rxfilter-guest"])

    def test_rxfilter_guest_and_nobody_else_connects(self):
        for umask in (0o002, 0o007):
            with self.subTest(umask=oct(umask)), listening(self.path, QEMU, self.groups["kvm"], umask) as said:
                self.assertEqual(said, "done")
                self.assertEqual(self.connects("guest"), "done")
                self.assertEqual(self.connects("other QEMU"), "PermissionError")
                self.assertEqual(self.connects("stranger"), "PermissionError")

    def test_umask_0022_keeps_rxfilter_guest_out(self):
        with listening(self.path, QEMU, self.groups["kvm"], 0o022):
            self.assertEqual(self.connects("guest"), "PermissionError")

    def test_nobody_else_makes_or_replaces_one(self):
        with listening(self.path, STRANGER, STRANGER, 0o002) as said:
            self.assertEqual(said, "PermissionError")
        with listening(self.path, QEMU, self.groups["kvm"], 0o002):
            said = as_user(OTHER_QEMU, self.groups["kvm"], 0o002, lambda: os.unlink(self.path))
            self.assertEqual(said, "PermissionError")
            said = as_user(OTHER_QEMU, self.groups["kvm"], 0o002, lambda: os.listdir(self.directory))
            self.assertEqual(said, "PermissionError")

    def test_qemu_replaces_its_own(self):
        """As it does when it is started again after it was killed."""
        with listening(self.path, QEMU, self.groups["kvm"], 0o002):
            self.assertEqual(as_user(QEMU, self.groups["kvm"], 0o002, lambda: os.unlink(self.path)), "done")
            pathlib.Path(self.path).touch()


if __name__ == "__main__":
    if os.geteuid() != 0 or not all(shutil.which(tool) for tool in ("systemd-sysusers", "systemd-tmpfiles")):
        print("skipped: needs root, systemd-sysusers and systemd-tmpfiles")
        sys.exit(77)
    program = unittest.main(argv=sys.argv[:1], exit=False)
    if not program.result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if program.result.skipped else 0)
