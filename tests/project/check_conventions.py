"""Run by the checkers' own Python: what one of them finds in a file, as JSON. Arguments: the check, the file."""

import io
import json
import re
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

BIN = Path(sys.executable).parent
CONTEXT = "https://w3id.org/ro/crate/1.1/context"


def cf(file):
    """What the compliance checker finds against CF-1.11, and where it failed itself."""
    command = [BIN / "compliance-checker", "--test=cf:1.11", "--criteria=strict", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = done.stdout + done.stderr
    assert "Running Compliance Checker" in report, report
    return sorted(set(re.findall(r"^(?:\* |cf:1\.11\.)(.*)$", report, re.MULTILINE)))


def units(file):
    """The units of a cube's variables as plain Pint reads them."""
    import pint_xarray  # noqa: F401
    import xarray

    with xarray.open_dataset(file, decode_timedelta=False) as cube:
        quantified = cube.pint.quantify()
        return {name: str(quantified[name].pint.units) for name in quantified.variables}


def crate(folder):
    """What the profile Workflow Run Crate requires or recommends and the RO-Crate validator misses."""
    import requests_cache

    with tempfile.TemporaryDirectory() as beside:
        cache, report = Path(beside, "cache"), Path(beside, "report.json")
        with requests_cache.CachedSession(str(cache)) as session:
            session.mount("https://w3id.org/", bundled())
            session.get(CONTEXT, headers={"Accept": "application/ld+json, application/json"})
        command = [BIN / "rocrate-validator", "-y", "validate", folder, "-p", "workflow-run-crate", "-l", "recommended"]
        command += ["--offline", "--cache-path", cache, "-f", "json", "-o", report]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert report.exists(), done.stdout + done.stderr
        issues = json.loads(report.read_text())["issues"]
    return [f"{issue['severity']}: {issue['message']}" for issue in issues]


def bundled():
    """For the validator, which looks for RO-Crate's context in the web: as the package rocrate brings it along."""
    import requests
    import urllib3

    class Bundled(requests.adapters.HTTPAdapter):
        def send(self, request, **_):
            body = files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()
            assert json.loads(body)["@id"] == CONTEXT
            head = {"Content-Type": "application/ld+json"}
            raw = urllib3.HTTPResponse(io.BytesIO(body), headers=head, status=200, preload_content=False)
            return self.build_response(request, raw)

    return Bundled()


def nwb(file):
    """What the NWB inspector finds, by its importance."""
    from nwbinspector import inspect_nwbfile

    return [f"{found.importance.name}: {found.message}" for found in inspect_nwbfile(nwbfile_path=file)]


def content(file):
    """What of an NWB file the export can be compared with."""
    import pynwb

    with pynwb.NWBHDF5IO(file, "r") as io_:
        read = io_.read()
        units = read.units.to_dataframe()
        module = read.processing["simulation"]
        return {
            "identifier": read.identifier,
            "population": units["population"].tolist(),
            "cell": units["cell"].tolist(),
            "spikes": [list(times) for times in units["spike_times"]],
            "series": {
                name: [series.unit, series.conversion, series.rate, list(series.data.shape)]
                for name, series in module.data_interfaces.items()
            },
            "notes": read.notes,
            "start": read.session_start_time.isoformat(),
        }


CHECKS = {check.__name__: check for check in (cf, units, crate, nwb, content)}

if __name__ == "__main__":
    print(json.dumps(CHECKS[sys.argv[1]](sys.argv[2])))
