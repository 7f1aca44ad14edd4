#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""libvirt_hook_test.py HOOK RXFILTER_GUEST GUESTS_PAGE: domains as libvirt writes them go in, guests' files and calls of
systemctl, a recorder on PATH, come out. What the hook writes has to be what `rxfilter-guest check` takes."""
import importlib.machinery
import importlib.util
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HOOK, GUEST, GUESTS_PAGE = sys.argv[1:]
UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
OTHER_UUID = "11111111-edaf-9455-926a-d65c16db1809"
RECORDER = '#!/bin/sh\necho "$@" >> "$RECORDED"\nexit ${RECORDER_STATUS:-0}\n'


def load_hook():
    loader = importlib.machinery.SourceFileLoader("hook", HOOK)
    hook = importlib.util.module_from_spec(importlib.util.spec_from_loader("hook", loader))
    loader.exec_module(hook)
    return hook


def interface(dev="macvtap0", mac="52:54:00:aa:bb:01", alias="net0", kind="direct", extra=""):
    return f"""<interface type='{kind}'{extra}>
      <mac address='{mac}'/><source dev='eth2' mode='passthrough'/><target dev='{dev}'/>
      <model type='virtio'/><alias name='{alias}'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></interface>"""


def guests(attributes="", inside=""):
    return f"<rxf:guests xmlns:rxf='urn:rxfilter:guests:1' {attributes}>{inside}</rxf:guests>"


def qmp(*paths):
    words = "".join(f"<qemu:arg value='-qmp'/><qemu:arg value='unix:{path},server=on,wait=off'/>" for path in paths)
    return f"<qemu:commandline><qemu:arg value='-nodefaults'/>{words}</qemu:commandline>"


QMP = qmp("/run/rxfilter-qmp/web.sock")


def domain(metadata=guests(), interfaces=interface(), commandline=QMP, uuid=UUID):
    return f"""<domain type='kvm' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web</name><uuid>{uuid}</uuid>
  <metadata><app:x xmlns:app='http://app.example/'>5</app:x>{metadata}</metadata>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{interfaces}</devices>
  {commandline}</domain>""".encode()


class Case(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)
        self.made, self.admin, self.calls = (self.root / name for name in ("made", "admin", "calls"))
        (self.admin / "by-domain").mkdir(parents=True)
        recorder = self.root / "bin" / "systemctl"
        recorder.parent.mkdir()
        recorder.write_text(RECORDER)
        recorder.chmod(0o755)
        self.set_environment("PATH", f"{recorder.parent}:{os.environ['PATH']}")
        self.set_environment("RECORDED", str(self.calls))
        self.logged = []
        self.hook = load_hook()
        self.hook.ADMIN, self.hook.MADE = str(self.admin), str(self.made)
        self.hook.say = lambda _, text: self.logged.append(text)

    def set_environment(self, name, value):
        before = os.environ.get(name)
        os.environ[name] = value
        self.addCleanup(lambda: os.environ.pop(name) if before is None else os.environ.__setitem__(name, before))

    def run_hook(self, operation="started", xml=None, name="web"):
        """The calls of systemctl that come of it."""
        self.calls.write_text("")
        self.hook.main([name, operation, "begin", "-"], lambda: domain() if xml is None else xml)
        return self.calls.read_text().splitlines()

    def files(self):
        return sorted(path.name for path in self.made.iterdir()) if self.made.exists() else []

    def lines(self, upper="macvtap0"):
        return (self.made / f"{upper}.conf").read_text().splitlines()

    def assert_taken(self, upper="macvtap0"):
        ran = subprocess.run([GUEST, "check", self.made / f"{upper}.conf"], capture_output=True, text=True, check=False)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))

    def assert_refused(self, xml, *words, name="web"):
        self.assertEqual(self.run_hook(xml=xml, name=name), [])
        self.assertEqual(self.files(), [])
        self.assertEqual(len(self.logged), 1, self.logged)
        for word in words:
            self.assertIn(word, self.logged[0])


class Started(Case):
    def test_defaults(self):
        self.assertEqual(self.run_hook(), ["--no-block restart rxfilter-guest@macvtap0.service"])
        self.assertEqual(self.lines(), [f"# {UUID}", 'upper = "macvtap0"', 'nic = "net0"', 'mac = "52:54:00:aa:bb:01"',
                                        'qmp = "/run/rxfilter-qmp/web.sock"'])
        self.assertEqual((self.made / "macvtap0.env").read_text(), f"GUEST={self.made}/macvtap0.conf\n")
        self.assertEqual(self.logged, [])
        self.assert_taken()

    def test_files_are_for_the_user_of_the_service_to_read(self):
        os.umask(0o077)
        self.addCleanup(os.umask, 0o022)
        self.run_hook()
        for name in self.files():
            self.assertEqual(stat.S_IMODE((self.made / name).stat().st_mode), 0o644)

    def test_every_setting(self):
        asked = ("main-mac='52:54:00:00:00:07' unicast='00:00:5e:00:01:0a, 02:42:ac' unicast-limit='16' "
                 "multicast='follow' multicast-limit='64' vlans='10,20-29' promisc='deny' allmulti='deny' changes='5' "
                 "poll='60' shadow='yes'")
        self.run_hook(xml=domain(guests(asked)))
        for line in ('main-mac = ["52:54:00:00:00:07"]', 'unicast = ["00:00:5e:00:01:0a", "02:42:ac"]',
                     "unicast-limit = 16", 'multicast = ["follow"]', "multicast-limit = 64",
                     'vlans = ["10", "20-29"]', 'promisc = "deny"',
                     'allmulti = "deny"', "changes = 5", "poll = 60", "shadow = true"):
            self.assertIn(line, self.lines())
        self.assert_taken()

    def test_profile_alone_has_no_monitor(self):
        profile = self.root / "profile.json"
        profile.write_text('{"flags": ["broadcast"], "vlans": "none"}')
        self.run_hook(xml=domain(guests(f"profile='{profile}'"), commandline=""))
        self.assertEqual(self.lines(), [f"# {UUID}", 'upper = "macvtap0"', f'profile = "{profile}"'])
        self.assert_taken()

    def test_nobody_asked(self):
        for xml in (domain(""), domain(interfaces=interface(kind="bridge")), domain(interfaces="")):
            self.assertEqual(self.run_hook(xml=xml), [])
            self.assertEqual(self.files(), [])
        self.assertEqual(self.logged, [])

    def test_no_more_than_the_chosen_interface(self):
        two = interface() + interface("vtap-b", "52:54:00:AA:BB:02", "ua-b")
        sockets = qmp("/run/rxfilter-qmp/web-net0.sock", "/run/rxfilter-qmp/web-ua-b.sock")
        for chosen in ("dev='vtap-b'", "mac='52:54:00:aa:BB:02'", "alias='ua-b'"):
            with self.subTest(chosen):
                inside = f"<rxf:interface {chosen} vlans='7'/>"
                calls = self.run_hook(xml=domain(guests("vlans='none' changes='3'", inside), two, sockets))
                self.assertEqual(calls, ["--no-block restart rxfilter-guest@vtap-b.service"])
                self.assertEqual(self.files(), ["vtap-b.conf", "vtap-b.env"])
                for line in ('nic = "ua-b"', 'mac = "52:54:00:aa:bb:02"', 'vlans = ["7"]', "changes = 3",
                             'qmp = "/run/rxfilter-qmp/web-ua-b.sock"'):
                    self.assertIn(line, self.lines("vtap-b"))
        self.assert_taken("vtap-b")

    def test_each_interface_has_its_own_monitor(self):
        two = interface() + interface("macvtap1", "52:54:00:aa:bb:02", "net1")
        sockets = qmp("/run/rxfilter-qmp/web-net1.sock", "/run/rxfilter-qmp/web-net0.sock")
        calls = self.run_hook(xml=domain(interfaces=two, commandline=sockets))
        self.assertEqual(calls, ["--no-block restart rxfilter-guest@macvtap0.service rxfilter-guest@macvtap1.service"])
        self.assertIn('qmp = "/run/rxfilter-qmp/web-net0.sock"', self.lines())
        self.assertIn('qmp = "/run/rxfilter-qmp/web-net1.sock"', self.lines("macvtap1"))

    def test_one_monitor_is_not_shared(self):
        two = interface() + interface("macvtap1", "52:54:00:aa:bb:02", "net1")
        self.assertEqual(self.run_hook(xml=domain(interfaces=two)), [])
        self.assertEqual(len(self.logged), 2)
        self.assertIn("net1: no -qmp unix:PATH", self.logged[1])

    def test_net1_is_not_net11(self):
        two = interface("macvtap1", alias="net1") + interface("macvtap11", "52:54:00:aa:bb:02", "net11")
        self.run_hook(xml=domain(interfaces=two, commandline=qmp("/q/xnet1.sock", "/q/a-net11.sock", "/q/a-net1.sock")))
        self.assertIn('qmp = "/q/a-net1.sock"', self.lines("macvtap1"))
        self.assertIn('qmp = "/q/a-net11.sock"', self.lines("macvtap11"))

    def test_named_monitor(self):
        self.run_hook(xml=domain(guests("qmp='/run/elsewhere.sock'"), commandline=""))
        self.assertIn('qmp = "/run/elsewhere.sock"', self.lines())
        self.assert_taken()

    def test_example_of_the_docs(self):
        example = pathlib.Path(GUESTS_PAGE).read_text().split("```xml\n")[1].split("```")[0]
        # What libvirt adds once it runs.
        running = example.replace("</name>", f"</name><uuid>{UUID}</uuid>")
        running = running.replace("</interface>", "<alias name='net0'/></interface>")
        self.assertEqual(self.run_hook(xml=running.encode()), ["--no-block restart rxfilter-guest@vtap-web.service"])
        self.assertEqual(self.lines("vtap-web")[1:],
                         ['upper = "vtap-web"', 'nic = "net0"', 'mac = "52:54:00:aa:bb:01"',
                          'qmp = "/run/rxfilter-qmp/web-net0.sock"', 'vlans = ["10", "20-29"]'])
        self.assert_taken("vtap-web")

    def test_systemctl_that_fails_is_told(self):
        self.set_environment("RECORDER_STATUS", "1")
        self.run_hook()
        self.assertEqual(len(self.logged), 1)
        self.assertIn("systemctl restart rxfilter-guest@macvtap0.service", self.logged[0])


class DomainFile(Case):
    def test_it_stands_for_the_metadata(self):
        (self.admin / "by-domain" / "web.conf").write_text('vlans = ["10"]\nchanges = 3\n')
        self.run_hook(xml=domain(guests("vlans='none' poll='9'")))
        self.assertEqual(self.lines()[-2:], ['vlans = ["10"]', "changes = 3"])
        self.assertNotIn("poll = 9", self.lines())
        self.assertIn('nic = "net0"', self.lines())
        self.assert_taken()

    def test_empty_means_the_defaults(self):
        (self.admin / "by-domain" / "web.conf").write_text("")
        self.assertEqual(self.run_hook(xml=domain("")), ["--no-block restart rxfilter-guest@macvtap0.service"])
        self.assert_taken()

    def test_its_monitor_comes_first(self):
        (self.admin / "by-domain" / "web.conf").write_text('qmp = "/run/elsewhere.sock"\n')
        self.run_hook()
        self.assertEqual([line for line in self.lines() if line.startswith("qmp")], ['qmp = "/run/elsewhere.sock"'])

    def test_it_names_nobody_else(self):
        for text in ("upper = 'macvtap7'\n", "\n  mac=1\n", '"nic" = "x"\n', "[section]\n"):
            with self.subTest(text):
                self.logged.clear()
                (self.admin / "by-domain" / "web.conf").write_text(text)
                self.assert_refused(domain(), "by-domain/web.conf")

    def test_a_name_is_no_path(self):
        (self.admin / "away.conf").write_text("")
        self.assertEqual(self.run_hook(xml=domain(""), name="../away"), [])

    def test_a_file_of_the_upper_is_left_alone(self):
        (self.admin / "macvtap0.conf").write_text('upper = "macvtap0"\n')
        self.assert_refused(domain(), "macvtap0.conf")


class Refused(Case):
    def test_trusted_by_libvirt(self):
        self.assert_refused(domain(interfaces=interface(extra=" trustGuestRxFilters='yes'")), "trustGuestRxFilters")

    def test_not_trusted_is_what_is_wanted(self):
        self.assertEqual(len(self.run_hook(xml=domain(interfaces=interface(extra=" trustGuestRxFilters='no'")))), 1)

    def test_odd_devices(self):
        for dev in ("a b", "..", "-x", "a/b", "a%n", "a&quot;b", "x&#10;y", "a;b", "abcdefghijklmnop", "", "\u00e9"):
            with self.subTest(dev):
                self.logged.clear()
                self.assert_refused(domain(interfaces=interface(dev)), "device")

    def test_odd_aliases_and_addresses(self):
        for odd in (interface(alias="a b"), interface(alias=""), interface(alias="n&quot;"), interface(mac="52:54"),
                    interface(mac="52:54:00:aa:bb:01&#10;x")):
            with self.subTest(odd):
                self.logged.clear()
                self.assert_refused(domain(interfaces=odd), "macvtap0")

    def test_odd_settings(self):
        for odd in ("vlans='1&quot;]&#10;promisc = &quot;allow'", "upper='macvtap7'", "nic='x'", "promisc=''",
                    "poll='1 2'", "shadow='maybe'", "qmp='relative'", "profile='/a&quot;b'", "vlans='10,,20'",
                    "unknown='1'"):
            with self.subTest(odd):
                self.logged.clear()
                self.assert_refused(domain(guests(odd)), "web: not followed")

    def test_odd_monitor(self):
        self.assert_refused(domain(commandline=qmp("/a&quot;b")), "qmp")

    def test_one_odd_interface_does_not_keep_another(self):
        two = interface("a b") + interface("macvtap1", "52:54:00:aa:bb:02", "net1")
        xml = domain(interfaces=two, commandline=qmp("/q/a-net1.sock"))
        self.assertEqual(self.run_hook(xml=xml), ["--no-block restart rxfilter-guest@macvtap1.service"])
        self.assertEqual(len(self.logged), 1)

    def test_what_is_no_domain(self):
        for xml in (b"", b"<domain", b"<domain/>", domain(uuid="../../x"), b"<!DOCTYPE x []>" + domain(), b"\xff\xfe",
                    domain() + b" " * (17 << 20)):
            with self.subTest(xml[:20]):
                self.logged.clear()
                self.assert_refused(xml, "web: started")

    def test_names_reach_the_log_as_one_line(self):
        self.hook = load_hook()
        lines = []
        self.hook.syslog.syslog = lambda _, text: lines.append(text)
        self.hook.main(["a\nb\u2028\x1b[1m", "started"], lambda: b"")
        self.assertEqual(len(lines), 1)
        self.assertTrue(all(" " <= c <= "~" for c in lines[0]), lines)


class Life(Case):
    def test_stopped_and_released(self):
        self.run_hook()
        # The names may be gone from the XML by then.
        gone = domain(interfaces="")
        self.assertEqual(self.run_hook("stopped", gone), ["--no-block stop rxfilter-guest@macvtap0.service"])
        self.assertEqual(self.files(), [])
        self.assertEqual(self.run_hook("release", gone), [])
        self.assertEqual(self.logged, [])

    def test_released_only(self):
        self.run_hook()
        self.assertEqual(self.run_hook("release"), ["--no-block stop rxfilter-guest@macvtap0.service"])

    def test_an_upper_that_is_another_domains_by_now(self):
        self.run_hook()
        self.run_hook(xml=domain(uuid=OTHER_UUID))
        self.assertEqual(self.run_hook("stopped"), [])
        self.assertEqual(self.files(), ["macvtap0.conf", "macvtap0.env"])

    def test_libvirt_is_restarted(self):
        self.run_hook()
        self.assertEqual(self.run_hook("reconnect"), ["--no-block start rxfilter-guest@macvtap0.service"])

    def test_libvirt_is_restarted_with_another_policy(self):
        self.run_hook()
        calls = self.run_hook("reconnect", domain(guests("vlans='7'")))
        self.assertEqual(calls, ["--no-block reload-or-restart rxfilter-guest@macvtap0.service"])
        self.assertIn('vlans = ["7"]', self.lines())

    def test_installed_while_the_domain_runs(self):
        self.assertEqual(self.run_hook("reconnect"), ["--no-block reload-or-restart rxfilter-guest@macvtap0.service"])

    def test_an_interface_was_unplugged(self):
        self.run_hook()
        calls = self.run_hook("reconnect", domain(interfaces=""))
        self.assertEqual(calls, ["--no-block stop rxfilter-guest@macvtap0.service"])
        self.assertEqual(self.files(), [])

    def test_nothing_at_other_operations(self):
        for operation in ("prepare", "start", "migrate", "restore", "define", "-", ""):
            self.assertEqual(self.run_hook(operation, b"not looked at"), [])
        self.assertEqual((self.files(), self.logged), ([], []))


class Process(Case):
    """The script itself, as libvirt runs it."""

    def run_script(self, *arguments, given=b"", **options):
        return subprocess.run([HOOK, *arguments], input=given, capture_output=True, check=False, timeout=30, **options)

    def test_it_prints_nothing_and_never_fails(self):
        for arguments in ((), ("web",), ("web", "migrate", "begin", "-"), ("web", "restore", "begin", "-"),
                          ("web", "started", "begin", "-"), ("web", "stopped", "end", "-"),
                          ("web", "release", "end", "crashed")):
            with self.subTest(arguments):
                ran = self.run_script(*arguments, given=b"<domain>not libvirt's</domain>")
                self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, b"", b""))

    def test_it_reads_all_that_libvirt_writes(self):
        with subprocess.Popen([HOOK, "web", "migrate", "begin", "-"], stdin=subprocess.PIPE) as process:
            process.stdin.write(b" " * (1 << 20))
            process.stdin.close()
        self.assertEqual(process.returncode, 0)

    def test_no_systemctl(self):
        os.unlink(self.root / "bin" / "systemctl")
        self.set_environment("PATH", str(self.root / "bin"))
        self.run_hook()
        self.assertEqual(len(self.logged), 1)
        self.assertIn("systemctl", self.logged[0])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
