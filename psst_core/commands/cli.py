"""The command psst: forecast, run and check parameter sweeps, look at their runs, export and clean."""

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from psst_core.commands.audit import audit
from psst_core.commands.blame import blame, find, reproduce
from psst_core.commands.clean import losses, unused
from psst_core.commands.crate import export_crate
from psst_core.commands.explore import RUNS, write_page
from psst_core.commands.nwb import export_nwb
from psst_core.commands.sonata import export_sonata
from psst_core.commands.status import status
from psst_core.commands.sums import SUMS, list_faults, write_list
from psst_core.commands.zarr import export_zarr
from psst_core.drawing import draw_all
from psst_core.errors import PsstError
from psst_core.files import CHECKOUT, to_yaml
from psst_core.outputs import describe_again
from psst_core.plan.cost import fit
from psst_core.plan.sweep_plan import EXPERIMENT, counted, earlier, make_plan, sweep_name
from psst_core.results.error_estimate import estimate
from psst_core.results.gather import gather
from psst_core.results.sweep_results import open_sweep
from psst_core.store.dataset import read_cube
from psst_core.store.folder import BEFORE, PARTIAL, RESULTS, TWINS, Folder
from psst_core.store.made import remove_empty
from psst_core.sweep.requests import split_overrides
from psst_core.terminal.forecast import as_text, duration, error_of, expected
from psst_core.terminal.outcome import outcome

FOLDER = Folder(RESULTS)
SNAKEFILE = CHECKOUT / "workflow" / "Snakefile"
WATCH_SECONDS = 5.0
WORDS = (
    "experiment=NAME, name=NAME, and overrides such as network.size=60,120 solver=rk4; snakemake --config takes the "
    "same overrides in one text, overrides='network.size=60,120 solver=rk4'"
)
RUN_EPILOG = (
    "Behind -- stand options and targets of Snakemake, passed on as they are: psst run experiment=lorenz -- -n, "
    "psst run -- --profile slurm"
)


def parser() -> argparse.ArgumentParser:
    """Return the command line: each command, with the function that it runs."""
    whole = argparse.ArgumentParser("psst", description=__doc__)
    commands = whole.add_subparsers(metavar="COMMAND", required=True)

    command = commands.add_parser("plan", help="what a sweep is, what of it is there, and what the rest will cost")
    command.add_argument("words", nargs="*", metavar="KEY=VALUE", help=WORDS)
    command.add_argument("--json", action="store_true", help="for machines")
    command.set_defaults(run=plan)

    command = commands.add_parser(
        "run", help="make a sweep with Snakemake, which goes on where it has stopped", epilog=RUN_EPILOG
    )
    command.add_argument("words", nargs="*", metavar="KEY=VALUE", help=f"{WORDS}; or experiment=report and the like")
    command.set_defaults(run=run)

    commands_of_a_sweep = (
        ("gather", gather_sweep, "make the cube of a sweep"),
        ("draw", draw_sweep, "draw its figures"),
    )
    for name, function, what in commands_of_a_sweep:
        command = commands.add_parser(name, help=f"{what}, also while it runs")
        command.add_argument("name", metavar="NAME", help="a folder in results/")
        command.add_argument(
            "--partial", action="store_true", help=f"of what is finished so far, into results/NAME/{PARTIAL}/"
        )
        command.set_defaults(run=function)

    command = commands.add_parser("status", help="how far a sweep is, and when it will end")
    command.add_argument("name", metavar="NAME", help="a folder in results/")
    command.add_argument("--watch", action="store_true", help="again every five seconds, until it is finished")
    command.set_defaults(run=show_status)

    command = commands.add_parser("audit", help="look at every file and number of a finished sweep")
    command.add_argument("name", metavar="NAME", help="a folder in results/")
    command.add_argument(
        "--write-list",
        type=Path,
        nargs="?",
        const=Path(SUMS),
        metavar="FILE",
        help=f"of the SHA-256 of each of its files, as sha256sum -c reads it, to be kept elsewhere; {SUMS} by default",
    )
    command.add_argument("--list", type=Path, metavar="FILE", help="compare its files with such a list")
    command.set_defaults(run=show_audit)

    command = commands.add_parser("blame", help="where the numbers of a run come from")
    command.add_argument("name", metavar="NAME", help="a folder in results/")
    command.add_argument(
        "words", nargs="*", metavar="KEY=VALUE", help="its point, such as network.coupling=0.5 trial=0"
    )
    command.add_argument("--reproduce", action="store_true", help="and make it again, and compare")
    command.set_defaults(run=show_blame)

    command = commands.add_parser(
        "export", help="a finished sweep as RO-Crate or Zarr, one of its runs as NWB or SONATA"
    )
    command.add_argument("name", metavar="NAME", help="a folder in results/")
    command.add_argument("--crate", type=Path, metavar="TARGET", help="a new folder, or a file ending in .zip")
    command.add_argument("--chunks", action="store_true", help="with the chunks too: spikes and traces")
    command.add_argument("--licence", metavar="SPDX", help="of the data in the crate, such as CC-BY-4.0")
    command.add_argument(
        "--nwb", nargs="+", metavar=("FILE.nwb", "KEY=VALUE"), help="and the run's point, such as coupling=0.5 trial=0"
    )
    command.add_argument(
        "--zarr", type=Path, metavar="FOLDER", help="a new folder: the cube as Zarr, with --chunks all"
    )
    command.add_argument(
        "--sonata", nargs="+", metavar=("FILE.h5", "KEY=VALUE"), help="the spikes of a run, and the run's point"
    )
    command.add_argument("--species", metavar="BINOMIAL", help="that is modelled, for --nwb: archives ask for it")
    command.set_defaults(run=export)

    command = commands.add_parser("explore", help="a page of a sweep, in one HTML file: any measure over any axes")
    command.add_argument("name", metavar="NAME", help="a folder in results/")
    command.add_argument("--partial", action="store_true", help=f"of results/NAME/{PARTIAL}/, as psst gather made it")
    command.add_argument("--output", type=Path, metavar="FILE.html", help="by default explore.html in that folder")
    command.add_argument("--runs", type=int, default=RUNS, metavar="N", help=f"with spikes, {RUNS} by default")
    command.set_defaults(run=explore)

    command = commands.add_parser("clean", help="list what no sweep in results/ uses any more")
    command.add_argument("--remove", action="store_true", help="and remove it")
    command.add_argument(
        "--before", action="store_true", help=f"and what only sweeps in NAME/{BEFORE}/ use, with these sweeps"
    )
    command.set_defaults(run=clean)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    own, options = list(sys.argv[1:] if arguments is None else arguments), list[str]()
    if own[:1] == ["run"] and "--" in own:
        own, options = own[: own.index("--")], own[own.index("--") + 1 :]
    given = parser().parse_args(own, argparse.Namespace(options=options))
    try:
        given.run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (PsstError, OSError) as error:
        print(f"psst: {error}", file=sys.stderr)
        return 1
    return 0


def asked_for(words: Sequence[str]) -> dict[str, str]:
    """Return the experiment, the name and the overrides (in one text), as far as the words of a command give them."""
    asked: dict[str, str] = {}
    overrides = []
    for word in words:
        key, equals, value = word.partition("=")
        if key in asked:
            raise PsstError(f"{word}: {key}={asked[key]} stands there too; write one of them")
        if key in ("experiment", "name") and equals:
            asked[key] = value
        else:
            overrides.append(value if key == "overrides" else word)
    return asked | ({"overrides": " ".join(overrides)} if overrides else {})


def run(given: argparse.Namespace) -> None:
    """Become the Snakemake that makes a sweep, so that it alone receives Ctrl-C and its exit code is that of psst."""
    asked = asked_for(given.words)
    split_overrides(asked.get("overrides", ""))
    if not SNAKEFILE.is_file():
        raise PsstError(f"{SNAKEFILE}: is missing, as PSST was installed without its workflow; install it from a clone")
    config = ["--config", *(f"{key}={value}" for key, value in asked.items())] if asked else []
    sys.stdout.flush()
    os.execv(
        sys.executable,
        [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), *given.options, *config],
    )


def plan(given: argparse.Namespace) -> None:
    """Print a plan, as `snakemake -n` with the same words would make it."""
    asked = asked_for(given.words)
    made = make_plan(asked.get("experiment", EXPERIMENT), asked.get("overrides", ""), asked.get("name"), RESULTS)
    manifests = list(made.manifests.values())
    found = expected(made, fit(RESULTS, manifests).judged(manifests))
    print(json.dumps(found, indent=1) if given.json else as_text(made, found))
    if not given.json and (place := earlier(made, RESULTS)):
        print(f"  {made.name} has other runs so far; what was made of them moves to {place}/")


def gather_sweep(given: argparse.Namespace) -> None:
    """Make the cube of a planned sweep, or of its finished part."""
    plan, sweep = FOLDER.planned(sweep_name(given.name)), FOLDER.sweep(given.name)
    gather(sweep.path, plan, given.partial)
    if not given.partial and FOLDER.record_file(plan, TWINS).exists():
        estimate(sweep.path, plan)
    written = sweep.partial.cube if given.partial else sweep.cube
    with read_cube(written) as cube:
        print(f"{written}: {cube.attrs.get(PARTIAL, 'all runs')}")
        print(outcome(cube))


def draw_sweep(given: argparse.Namespace) -> None:
    """Draw a gathered sweep, or gather its finished part and draw that."""
    if given.partial:
        gather_sweep(given)
    FOLDER.planned(sweep_name(given.name))
    sweep = FOLDER.sweep(given.name)
    if not given.partial and not sweep.cube.exists():
        raise PsstError(f"{given.name}: has no cube yet; psst draw {given.name} --partial draws what is finished")
    draw_all((sweep.partial if given.partial else sweep).path, print)
    if not given.partial:
        describe_again(sweep.path)
        with read_cube(sweep.cube) as cube:
            print(outcome(cube))


def show_status(given: argparse.Namespace) -> None:
    """Print the progress of a planned sweep; again and again on request."""
    sweep_name(given.name)
    while True:
        now = status(RESULTS, given.name)
        counts = ", ".join(f"{count:,} {state}" for state, count in now.runs.items() if count)
        left = "" if now.seconds_left is None else f"; {duration(now.seconds_left / 3600)} left{error_of(now.error)}"
        print(f"{given.name}: {counts}{f' ({now.diverged:,} diverged)' if now.diverged else ''}{left}", flush=True)
        for chunk, said in now.jobs.items():
            print(f"  {chunk}: {said}", flush=True)
        for chunk, endings in now.endings.items():
            for ending in endings:
                print(f"  {chunk}: {ending}", flush=True)
        if now.seconds_left is None and (cube := FOLDER.sweep(given.name).cube).exists():
            with read_cube(cube) as data:
                print(outcome(data))
        if not given.watch or now.seconds_left is None:
            return
        time.sleep(WATCH_SECONDS)


def show_audit(given: argparse.Namespace) -> None:
    """Print the counts and findings of an audit.

    Raises:
        PsstError: when there are findings.
    """
    found = audit(RESULTS, sweep_name(given.name))
    if given.list is not None:
        found.findings.extend(list_faults(RESULTS, given.name, given.list))
    print(f"{given.name}: {', '.join(f'{count:,} {status}' for status, count in found.counts.items())}")
    for measure, count in found.undefined.items():
        if count:
            print(f"  {measure}: undefined in {counted(count, 'cell')} of the cube")
    for line in (*found.notes, *found.findings):
        print(f"  {line}")
    if found.findings:
        raise PsstError(f"{given.name}: {counted(len(found.findings), 'finding')}, named above")
    print("  every file that is there is as it was written, every number that is missing says why")
    if given.write_list is not None:
        count = write_list(RESULTS, given.name, given.write_list)
        print(
            f"{given.write_list}: the SHA-256 of {counted(count, 'file')}: records, manifests, chunks, summaries, "
            f"cube, figures, tables; keep it elsewhere, and compare with psst audit {given.name} --list FILE"
        )


def show_blame(given: argparse.Namespace) -> None:
    """Print the origin of a run; make it again on request."""
    sweep = open_sweep(FOLDER.sweep(sweep_name(given.name)).path)
    row = find(sweep, given.words)
    if (there := row["runs_there"]) > 1:
        print(f"# the first of {there} runs there; trial=…, network=… and other axes choose another")
    print(to_yaml(blame(sweep, row)), end="")
    if given.reproduce:
        print(f"# {reproduce(sweep, row, lambda line: print(line, file=sys.stderr, flush=True))}")


def export(given: argparse.Namespace) -> None:
    """Write a gathered sweep, or one of its runs, in the forms that are asked for."""
    if given.crate is given.nwb is given.zarr is given.sonata is None:
        raise PsstError(
            f"export {given.name}: needs --crate TARGET, --zarr FOLDER, --nwb FILE.nwb KEY=VALUE … or "
            "--sonata FILE.h5 KEY=VALUE …"
        )
    results = open_sweep(FOLDER.sweep(sweep_name(given.name)).path, whole=True)
    if given.crate is not None:
        export_crate(results, given.crate, given.chunks, given.licence)
        print(given.crate)
    if given.zarr is not None:
        export_zarr(results, given.zarr, given.chunks)
        print(given.zarr)
    if given.nwb is not None:
        file, *words = given.nwb
        export_nwb(results, Path(file), given.species, **results.point(words))
        print(file)
    if given.sonata is not None:
        file, *words = given.sonata
        export_sonata(results, Path(file), **results.point(words))
        print(file)


def explore(given: argparse.Namespace) -> None:
    """Write the page of a gathered sweep."""
    sweep = FOLDER.sweep(sweep_name(given.name))
    sweep = sweep.partial if given.partial else sweep
    if given.runs < 0:
        raise PsstError(f"--runs {given.runs}: must be 0 or more")
    if given.partial and not sweep.cube.exists() and sweep.whole.cube.exists():
        raise PsstError(f"{given.name}: is gathered whole; psst explore {given.name} shows it")
    if not sweep.cube.exists():
        FOLDER.planned(given.name)
        raise PsstError(
            f"{given.name}: has no cube yet; psst gather {given.name} --partial makes one of what is finished, and "
            f"psst explore {given.name} --partial shows it"
        )
    target = given.output or sweep.explore
    if target.suffix != ".html":
        raise PsstError(f"--output {target}: must end in .html")
    write_page(open_sweep(sweep.path, whole=True), target, given.runs)
    describe_again(sweep.path)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB; open it in a browser")


def clean(given: argparse.Namespace) -> None:
    """List the files that no sweep uses; remove them on request."""
    with FOLDER.lock() if given.remove else contextlib.nullcontext():
        files = unused(RESULTS, given.before)
        size, lost = sum(file.stat().st_size for file in files), losses(RESULTS, files)
        for file in files if given.remove else ():
            file.unlink()
            remove_empty(file.parent, RESULTS)
    for file in () if given.remove else files:
        print(file)
    for name, count in lost.items():
        print(f"{name} {'lost' if given.remove else 'loses'} {counted(count, 'file')} of data")
    if given.remove:
        print(f"removed {counted(len(files), 'file')}, {size / 1e6:.1f} MB")
        return
    remedy = f"; psst clean {'--before ' if given.before else ''}--remove removes them" if files else ""
    print(f"{counted(len(files), 'file')}, {size / 1e6:.1f} MB, of no sweep in {RESULTS}/{remedy}")
    if not given.before and any(sweep.is_before for sweep in FOLDER.sweeps()):
        print(f"psst clean --before lists what sweeps in NAME/{BEFORE}/ keep")
