"""A model of a Windows guest: it takes Kiln's user data apart, and does what that would do.

No Windows runs here. The model reads what stands in the user data (steps, word, URLs, values), fetches what
is to be fetched, follows the steps and restarts, says the verdict on its console, and generalises itself or
powers off. Of PowerShell it understands what the tests need: see `_run`.
(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2launch-v2.html)
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import tarfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable

from local_aws.settings import CONSOLE_LIMIT

Callback = Callable[[], None]

_POWERSHELL = re.compile(r"<powershell>\n(.*)</powershell>\s*", re.S)
_LITERAL = (
    r"('(?:[^']|'')*'|\(\[Text\.Encoding\]::UTF8\.GetString"
    r"\(\[Convert\]::FromBase64String\('[A-Za-z0-9+/=]*'\)\)\))"
)
_ENCODED = re.compile(r"FromBase64String\('([^']*)'\)")
_VARIABLE = re.compile(r"\$env:(\w+)")
_PATIENCE = 10.0


class Ended(Exception):
    """The user data ends with this status."""

    def __init__(self, status: int, why: str = "") -> None:
        super().__init__(why)
        self.status = status


class WindowsGuest:
    """One run of user data on Windows; the same face as `Sandbox`."""

    def __init__(
        self, endpoint: str, generalised: bool, on_poweroff: Callback, on_idle: Callback, on_sysprep: Callback
    ) -> None:
        """`generalised` is whether its image is: only then does the agent run user data. `on_sysprep` is
        called if the guest generalises itself, before it powers off."""
        self._endpoint = endpoint
        self._generalised = generalised
        self._on_poweroff, self._on_idle, self._on_sysprep = on_poweroff, on_idle, on_sysprep
        self._console = bytearray()
        self._lock = threading.Lock()
        self._killed = threading.Event()
        self._folder: dict[str, str] = {}
        self._text = self._log = ""
        self.is_shown = True
        """Whether EC2 shows what is written to its first serial port."""

    def start(self, given: bytes) -> None:
        threading.Thread(target=self._boot, args=(given,), daemon=True, name="windows-guest").start()

    def print(self, text: str) -> None:
        with self._lock:
            self._console += text.replace("\n", "\r\n").encode()
            del self._console[: -2 * CONSOLE_LIMIT]

    def console(self) -> bytes:
        with self._lock:
            return bytes(self._console[-CONSOLE_LIMIT:])

    def kill(self) -> None:
        self._killed.set()

    def _boot(self, given: bytes) -> None:
        found = _POWERSHELL.fullmatch(given.decode("utf-8", errors="replace"))
        if not self._generalised:
            self.print("EC2Launch: this machine has run its user data before\n")
        elif found is None:
            self.print("EC2Launch: user data has no <powershell>; not run\n")
        else:
            self._text = found[1]
            self._work()
        self._on_idle()

    def _work(self) -> None:
        word, role = self._value("$word"), self._value("$role")
        try:
            status = self._steps(word)
            self._say(f"kiln-script {word} ends")
        except Ended as end:
            status = end.status
            self._say(f"kiln: {end}")
        self._put_log(f"\nkiln-verdict {self._value('$launch')} {status}\n")
        for _ in range(3):
            self._say(f"kiln-verdict {word} {status}")
        if self._killed.is_set():
            return
        if (role, status) == ("builder", 0) and 'EC2Launch.exe" sysprep --shutdown' in self._text:
            self._on_sysprep()
        self._on_poweroff()

    def _steps(self, word: str) -> int:
        """Runs the steps. Gives the status."""
        self._say(f"kiln-script {word} begins")
        self._bring()
        environment = {
            key: _plain(text) for key, text in re.findall(rf"\n\$env:(KILN_\w+) = {_LITERAL}", self._text)
        }
        if self._folder:
            environment["KILN_FOLDER"] = "C:\\ProgramData\\Kiln\\folder"
        named = re.search(r"\n\$steps = @\('([^']*)' -split", self._text)
        for number, step in enumerate(named[1].split() if named else [], 1):
            if step == "reboot":
                if "Restart-Computer -Force" not in self._text:
                    raise Ended(128, "user data has no part that restarts")
                self._put_log()
                self.print("Windows starts (again)\n")
                self._say(f"kiln-script {word} begins")
                continue
            status = self._run(self._script(step), environment)
            if status:
                if step != "script":
                    self._say(f"kiln: step {number}, {step}, ended with status {status}")
                return status
        return 0

    def _script(self, step: str) -> str:
        if step != "script":
            if step not in self._folder:
                raise Ended(1, f"{step} is not in the folder")
            return self._folder[step]
        found = re.search(rf'\nSet-Content "\$kept\\script\.ps1" {_LITERAL}', self._text)
        return _plain(found[1]) if found else ""

    def _run(self, text: str, environment: dict[str, str]) -> int:
        """Of a script: what it writes, `throw`, `exit`, and a restart that nobody asked for."""
        for line in text.splitlines():
            order, _, rest = line.strip().partition(" ")
            rest = _VARIABLE.sub(lambda found: environment.get(found[1], ""), rest.strip("'\""))
            if order == "Write-Output":
                self._say(rest)
            elif order == "throw":
                self._say(rest)
                return 1
            elif order == "exit":
                return int(rest or 0)
            elif order == "Restart-Computer":
                self.print("Windows starts (again)\n")
                raise Ended(129, "the machine restarted before the script had ended")
            elif order == "Start-Sleep" and rest == "forever":
                self._on_idle()
                self._killed.wait()
                raise Ended(128)
        return 0

    def _bring(self) -> None:
        for url, digest in re.findall(r"\nExpand-Folder '([^']*)' '([^']*)'", self._text):
            data = self._fetch(url, digest, "the archive of the recipe's folder")
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                for entry in archive:
                    file = archive.extractfile(entry)
                    if file is not None:
                        self._folder[entry.name.removeprefix("./")] = file.read().decode(errors="replace")
        fetched = r"""\nGet-File '([^']*)' "\$kept\\folder\\fetched\\([^"]*)" '([^']*)' '([^']*)'"""
        for url, name, digest, place in re.findall(fetched, self._text):
            self._folder[f"fetched/{name}"] = self._fetch(url, digest, place).decode(errors="replace")

    def _fetch(self, url: str, digest: str, what: str) -> bytes:
        try:
            if not url.startswith(f"{self._endpoint}/"):
                raise OSError("only this server is reached")
            with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
                data: bytes = answer.read()
        except (OSError, urllib.error.URLError) as error:
            raise Ended(125, f"{what} cannot be fetched: {error}") from error
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise Ended(125, f"{what} is not what the recipe names: its SHA-256 is {found}, not {digest}")
        return data

    def _put_log(self, end: str = "") -> None:
        found = re.search(r"\n\$link = '([^']*)'", self._text)
        if found is None:
            return
        request = urllib.request.Request(found[1], (self._log + end).encode(), method="PUT")
        try:
            urllib.request.urlopen(request, timeout=_PATIENCE).close()
        except (OSError, urllib.error.URLError) as error:
            self._say(f"kiln: the log could not be kept: {error}")

    def _value(self, name: str) -> str:
        found = re.search(rf"\n{re.escape(name)} = '([^']*)'", self._text)
        return found[1] if found else ""

    def _say(self, text: str) -> None:
        self._log += f"\n{text}\n"
        if self.is_shown:
            self.print(f"\n{text}\n")


def _plain(literal: str) -> str:
    """The text that a literal of PowerShell stands for."""
    encoded = _ENCODED.search(literal)
    return base64.b64decode(encoded[1]).decode() if encoded else literal[1:-1].replace("''", "'")
