"""A results folder: its paths, its lock, what became of its jobs; and nothing else knows what its files are called."""

import io
import json
import os
import re
import time
import tokenize
from pathlib import Path

import pytest

from psst_core import PsstError
from psst_core.results.gather import gather
from psst_core.store import folder
from psst_core.store.folder import OURS, STATES, Comparison, Folder, SweepFolder, cubes, edited
from psst_core.store.records import records_digest
from psst_core.sweep.runs import Axis
from support.made_up import made_up, made_up_plan, made_up_sweep, make_up_chunk, summarise_chunk
from support.paths import ROOT

SOURCES = [
    *(ROOT / "psst_core").rglob("*.py"),
    *(ROOT / "workflow").glob("Snakefile"),
    *(ROOT / "workflow").rglob("*.smk"),
    *(ROOT / "workflow").rglob("*.py"),
]
KNOWS = Path(folder.__file__)

FILES = (
    folder.CUBE,
    folder.TABLE,
    folder.CONFIGURATION,
    folder.TWINS,
    folder.ERROR_ESTIMATE,
    folder.ABOUT,
    folder.MACHINE,
    folder.LOCK,
    folder.MARKS,
)
FOLDERS = (
    *(folder.CHUNKS, folder.PLANS, folder.LOGS, folder.COMPILED, folder.SAVED),
    folder.PLANNED,
    folder.BEFORE,
    folder.PARTIAL,
    folder.FIGURES,
    folder.TABLES,
    folder.KEPT,
)
ENDINGS = (folder.MANIFEST, folder.CHUNK, folder.SUMMARY, folder.SAVED_STATE, folder.LOG, ".csv")


def any_of(names):
    return "|".join(map(re.escape, names))


# A file by its whole name, a folder as a part of a path, the results folder as the first one, and an ending behind a
# name that is filled in.
NAMED = re.compile(rf"(?<![\w.])(?:{any_of(FILES)})(?!\w)")
PART = re.compile(rf"(?<=/)(?:{any_of(FOLDERS)})(?![\w.])|(?<!\w)(?:{any_of(FOLDERS)})(?=/)")
FIRST = re.compile(r"\Aresults(?=/|\Z)")
ENDED = re.compile(rf"(?<=\}})(?:{any_of(ENDINGS)})(?!\w)")


def literals(source):
    """The strings of a source in Python or Snakemake, as written, with `/` where it is divided by or divides.

    Docstrings and other texts of several lines are left out.
    """
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.string.strip()]
    lines, depth = source.splitlines(keepends=True), 0
    for number, token in enumerate(tokens):
        kind = tokenize.tok_name[token.type]
        if kind in ("STRING", "FSTRING_START") and depth == 0:
            first, start = number, token
        depth += (kind == "FSTRING_START") - (kind == "FSTRING_END")
        if kind in ("STRING", "FSTRING_END") and depth == 0:
            (top, left), (bottom, right) = start.start, token.end
            text = lines[top - 1][left:right].lstrip("rfb")
            if top == bottom and not text.startswith('"""'):
                text = text.strip("\"'")
                before, after = tokens[first - 1].string == "/", tokens[number + 1 : number + 2]
                yield "/" * before + text + "/" * bool(after and after[0].string == "/")


def names_in(source):
    """The names of result files and folders that a source has."""
    return [
        found[0] for text in literals(source) for rule in (NAMED, PART, FIRST, ENDED) for found in rule.finditer(text)
    ]


@pytest.mark.parametrize(
    "line, name",
    [
        ('path = results / "chunks" / name', "chunks"),
        ('path = "partial" / name', "partial"),
        ('path = Path("results/benchmark/x")', "results"),
        ('path = Path("results")', "results"),
        ('path = results / f"{chunk}.json"', ".json"),
        ("path = f\"{manifest['chunk']}.zip\"", ".zip"),
        ('files = ("sweep.nc", x)', "sweep.nc"),
        ('file = f"holds no {x} or twins.csv"', "twins.csv"),
        ('rule x:\n    output:\n        RESULTS / "{name}" / "about.html",', "about.html"),
        ('    log:\n        RESULTS / "logs",', "logs"),
    ],
)
def test_a_name_in_a_source_is_found(line, name):
    assert name in names_in(line)


@pytest.mark.parametrize(
    "line",
    [
        'figures = config["figures"]  # results/chunks/x.json',
        'def f():\n    """`sweep.nc`, in results/partial/."""',
        'lock = Path(workflow.basedir, "benchmark", "requirements.lock")',
        'path = folder / f"{name}.npz"',
    ],
)
def test_what_is_no_name_of_a_result_is_not(line):
    assert names_in(line) == []


def test_only_one_module_knows_what_result_files_are_called():
    assert len(SOURCES) > 150
    found = {path: names_in(path.read_text(encoding="utf-8")) for path in SOURCES if path != KNOWS}
    assert {str(path.relative_to(ROOT)): names for path, names in found.items() if names} == {}
    assert set(names_in(KNOWS.read_text(encoding="utf-8"))) >= set(FILES)


A, B, C = 16 * "a", 16 * "b", 16 * "c"
COUPLINGS = (Axis("network.coupling", "coupling", (0.5, 1.0), "coupling", {}),)


def test_paths_are_those_of_the_documentation():
    results, mine = Folder(Path("results")), Folder(Path("results")).sweep("mine")
    assert [str(path) for path in (results.manifest_file(A), results.chunk_file(A), results.summary_file(A, B))] == [
        f"results/chunks/{A}{ending}" for ending in (".json", ".nc", f".{B}.summary.nc")
    ]
    assert [str(results.record_file(C, ending)) for ending in (*folder.RECORDS, "*")] == [
        f"results/plans/{C}.{ending}" for ending in ("csv", "yaml", "twins.csv", "*")
    ]
    assert str(results.saved_state(A)) == f"results/saved/{A}.zip" and str(results.compiled) == "results/compiled"
    assert str(results.log("draw", "mine", "raster")) == "results/logs/draw/mine.raster.log"
    assert str(results.machine_file) == "results/machine.json" and str(results.lock_file) == "results/.lock"
    assert [str(file.relative_to(mine.path)) for file in (mine.note, *mine.files)] == [
        "planned", "plan.csv", "config.yaml", "twins.csv", "sweep.nc", "error_estimate.nc", "about.html",
        "explore.html",
    ]  # fmt: skip
    assert str(mine.figure("raster", "svg")) == "results/mine/figures/raster.svg"
    assert str(mine.table_of("raster")) == "results/mine/tables/raster.csv"
    assert str(mine.mark(mine.figure("raster", "svg"))) == "results/mine/.made/figures/raster.svg"
    assert str(mine.partial.cube) == "results/mine/partial/sweep.nc"
    assert str(mine.before(C).cube) == f"results/mine/before/{C}/sweep.nc"


def test_other_programs_have_folders_of_the_same_kind():
    results = Folder(Path("results"))
    assert results.benchmark == Comparison(Path("results/benchmark"))
    assert str(results.benchmark.measured) == "results/benchmark/benchmark.nc"
    assert str(results.benchmark.table) == "results/benchmark/table.md"
    assert str(results.benchmark.peers_python) == "results/benchmark/peers/bin/python"
    assert str(results.references.differences) == "results/references/references.csv"
    assert str(results.references.data("lobe")) == "results/references/lobe.nc"
    assert str(results.references.log("lobe")) == "results/references/logs/lobe.log"


def test_folders_are_values():
    one, other = Folder(Path("results")), Folder(Path("results"))
    assert one == other and len({one, other, one.sweep("a"), other.sweep("a")}) == 2
    with pytest.raises(AttributeError):
        one.path = Path("elsewhere")
    assert Folder.of_chunk(one.chunk_file(A)) == Folder.of_chunk(one.manifest_file(A)) == one


def test_every_file_of_a_sweep_is_one_that_its_folder_names(tmp_path):
    made_up_sweep(tmp_path, COUPLINGS)
    results, sweep, (plan,) = Folder(tmp_path), Folder(tmp_path).sweep("sweep"), {made_up(tmp_path)}
    chunks = [file.stem for file in results.manifest_files()]
    assert [file.stem for file in results.chunk_files()] == chunks and len(chunks) == 1
    named = {*results.manifest_files(), *results.chunk_files(), *(results.summary_file(chunk, A) for chunk in chunks)}
    named |= {results.record_file(plan, ending) for ending in folder.RECORDS[:2]}
    named |= {*sweep.gathered, *map(sweep.mark, sweep.gathered)}
    assert {file for file in tmp_path.rglob("*") if file.is_file()} == named
    assert sweep.marked() == sorted(sweep.gathered) and set(sweep.gathered) < set(sweep.ours())
    assert results.records(plan) == {ending: sweep.records[ending].read_text() for ending in folder.RECORDS[:2]}


def test_names_of_our_own_are_those_that_a_folder_gives(tmp_path):
    results = Folder(tmp_path)
    files = [results.manifest_file(A), results.chunk_file(A), results.summary_file(A, B), results.saved_state(A)]
    files += [results.record_file(C, ending) for ending in folder.RECORDS]
    files += [results.log("simulate", A), results.log("summarise", A, B)]
    for file in files:
        assert OURS[str(file.parent.relative_to(tmp_path))].fullmatch(file.name), file
    assert not OURS[folder.CHUNKS].fullmatch(f"{A}.txt") and not OURS[folder.CHUNKS].fullmatch(f"x{A}.nc")
    assert not OURS[folder.CHUNKS].fullmatch(f"{A}.other.summary.nc")


def test_each_place_of_a_sweep_finds_its_results_folder(tmp_path):
    results = Folder(tmp_path / "results")
    made_up_plan(results.path, COUPLINGS)
    sweep = results.sweep("sweep")
    for place in (sweep, sweep.partial, sweep.before(C), sweep.before(C).partial):
        assert place.home == results, place
    assert sweep.before(C).is_before and not sweep.is_before
    assert sweep.partial.whole == sweep == sweep.whole
    assert SweepFolder(tmp_path / "alone" / "x").home == Folder(tmp_path / "alone")  # nothing above tells


def test_sweeps_are_listed(tmp_path):
    results = Folder(tmp_path)
    made_up_sweep(tmp_path, COUPLINGS)
    assert results.sweeps() == results.gathered() == [results.sweep("sweep")]
    for name in ("noted", f"sweep/before/{C}"):
        results.sweep(name).path.mkdir(parents=True)
        results.sweep(name).note.write_text(C)
    lost, partial = results.sweep("lost"), results.sweep("partial-only").partial
    lost.path.mkdir()
    lost.table.write_text("")
    lost.configuration.write_text("")
    partial.path.mkdir(parents=True)
    partial.cube.write_bytes(b"")
    names = ["lost", "noted", "partial-only", "sweep", f"sweep/before/{C}"]
    assert [str(sweep.path.relative_to(tmp_path)) for sweep in results.sweeps()] == names
    assert cubes(tmp_path) == [results.sweep("sweep").cube, partial.cube]
    assert cubes(tmp_path / "sweep") == [results.sweep("sweep").cube]


def test_what_became_of_a_job(tmp_path):
    made_up_plan(tmp_path, COUPLINGS, chunk_runs=1)
    results = Folder(tmp_path)
    chunks = [file.stem for file in results.manifest_files()]
    said = {
        "running": "2026-11-24 23:38:07 chunk: 40 %",
        "failed": "Traceback (most recent call last):\n2026-11-24 23:38:07 failed: no reason",
        "interrupted": "2026-11-24 23:38:07 stopped by SIGTERM: its state is saved",
    }
    make_up_chunk(tmp_path, chunks[0])
    results.logs("simulate").mkdir(parents=True)
    for chunk, lines in zip(chunks[1:], said.values(), strict=True):
        results.log("simulate", chunk).write_text(lines)
    found = [results.state(chunk) for chunk in (*chunks, A)]
    assert [state for state, _ in found] == ["finished", *said, "waiting"]
    assert [last for _, last in found] == ["", *(lines.splitlines()[-1] for lines in said.values()), ""]
    assert set(STATES) == {state for state, _ in found}
    then = time.time() - 2 * folder.SILENT
    os.utime(results.log("simulate", chunks[1]), (then, then))
    assert results.state(chunks[1])[0] == "interrupted"


def test_a_snapshot_holds_claims_and_finished_chunks(tmp_path):
    made_up_plan(tmp_path, COUPLINGS, chunk_runs=2)
    results = Folder(tmp_path)
    claims = {file.name for file in results.manifest_files()}
    assert results.snapshot() == claims and len(claims) == 2
    make_up_chunk(tmp_path, first := min(claims).removesuffix(".json"))
    summarise_chunk(tmp_path, first)
    assert results.snapshot() == claims | {f"{first}.nc"}


def test_a_sweep_says_of_which_plan_it_is(tmp_path):
    results, note = Folder(tmp_path), Folder(tmp_path).sweep("mine").note
    note.parent.mkdir()
    note.write_text(f"{C}\n")
    assert results.planned("mine") == C
    with pytest.raises(PsstError, match=r"other: no sweep of this name in .*; there are: mine; where .*/other/planned"):
        results.planned("other")
    note.write_text("no digest")
    with pytest.raises(PsstError, match=r"mine/planned: is not as it was written, it names no plan; start the sweep"):
        results.planned("mine")


def test_records_are_read_as_they_were_written(tmp_path):
    results, texts = Folder(tmp_path), {"csv": "run_id\n", "yaml": "experiment: x\n", "twins.csv": "run_id,twin_id\n"}
    plan = records_digest(texts)
    (tmp_path / "plans").mkdir()
    for ending, text in texts.items():
        results.record_file(plan, ending).write_text(text)
    assert results.records(plan) == texts
    results.record_file(plan, "twins.csv").unlink()
    with pytest.raises(PsstError, match=rf"plans/{plan}\.\*: changed since they were written"):
        results.records(plan)
    results.record_file(plan, "yaml").unlink()
    with pytest.raises(PsstError, match=rf"plans/{plan}\.yaml: is missing; start the sweep again"):
        results.records(plan)


def test_a_lock_names_who_has_it(tmp_path):
    results = Folder(tmp_path / "results")
    said = rf"results: is in use by process {os.getpid()} on .*; wait until that has ended"
    with results.lock(), pytest.raises(PsstError, match=said):
        results.lock()
    results.lock().close()


def test_a_scratch_folder_goes(tmp_path):
    with Folder(tmp_path).scratch() as place:
        (place / "file").write_text("")
        assert place.parent == tmp_path and Folder(tmp_path).sweeps() == []
    assert list(tmp_path.iterdir()) == []


def test_what_a_person_changed_never_takes_a_place_that_is_taken(tmp_path):
    file = tmp_path / "raster.svg"
    for name in ("raster.edited.svg", "raster.edited2.svg", "raster.edited3.svg"):
        assert edited(file) == tmp_path / name
        edited(file).write_text("")


def test_a_partial_sweep_lies_in_its_own_folder(tmp_path):
    table = made_up_plan(tmp_path, COUPLINGS, chunk_runs=2)
    make_up_chunk(tmp_path, table["chunk"].iloc[0])
    sweep = Folder(tmp_path).sweep("sweep")
    assert gather(sweep.path, made_up(tmp_path), partial=True) == sweep.partial.path
    assert sweep.partial.cube.is_file() and not sweep.cube.exists() and sweep.is_one
    assert json.loads(Folder(tmp_path).manifest_files()[0].read_text())["chunk"] == table["chunk"].iloc[0]
