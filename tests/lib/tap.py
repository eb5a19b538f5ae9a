# SPDX-License-Identifier: Apache-2.0
"""TAP output for tests written in Python."""
import sys
import traceback


class Tap:
    """Numbers and prints results; done() prints the plan and gives the exit status."""

    def __init__(self):
        self.number = self.failed = self.skipped = 0
        print("TAP version 13", flush=True)

    def ok(self, condition, name, detail=""):
        self.number += 1
        self.failed += not condition
        print(f"{'ok' if condition else 'not ok'} {self.number} - {name.replace('#', 'no.')}", flush=True)
        if not condition and detail:
            self.note(detail)
        return condition

    def skip(self, name, reason):
        self.number += 1
        self.skipped += 1
        print(f"ok {self.number} - {name} # SKIP {reason}", flush=True)

    @staticmethod
    def note(text):
        for line in str(text).splitlines():
            print(f"# {line}", flush=True)

    def bail(self, why):
        """Ends the process: nothing more can be tested."""
        self.note(why)
        print(f"Bail out! {str(why).splitlines()[0]}", flush=True)
        sys.exit(2)

    def run(self, name, function, *args):
        """One test: @function raises to fail."""
        try:
            function(*args)
        except Exception as error:      # pylint: disable=broad-except
            lines = traceback.format_exc() if not isinstance(error, AssertionError) else ""
            return self.ok(False, name, f"{type(error).__name__}: {error}\n{lines}")
        return self.ok(True, name)

    def done(self):
        print(f"1..{self.number}", flush=True)
        return 1 if self.failed else 0

    def exit(self):
        sys.exit(self.done())


class Part:
    """Results of a part, counted with the others, under its own prefix."""

    def __init__(self, tap, prefix):
        self.tap, self.prefix, self.note = tap, prefix, tap.note

    def ok(self, condition, name, detail=""):
        return self.tap.ok(condition, f"{self.prefix}: {name}", detail)

    def skip(self, name, reason):
        self.tap.skip(f"{self.prefix}: {name}", reason)
