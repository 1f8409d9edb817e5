"""A finished sweep as an RO-Crate: its files with descriptions, and the process that made them (Process Run Crate)."""

import json
import secrets
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from psst_core.errors import PsstError
from psst_core.files import CHECKOUT, atomic, from_yaml
from psst_core.results.sweep_results import Results
from psst_core.store.dataset import check_whole
from psst_core.store.folder import CHUNKS, CONFIGURATION, CUBE, ERROR_ESTIMATE, MANIFEST, TABLE, TWINS
from psst_core.store.made import check_unchanged
from psst_core.store.records import read_table

VERSION, PROFILE = "https://w3id.org/ro/crate/1.1", "https://w3id.org/ro/wfrun/process/0.5"
DESCRIPTOR, SOFTWARE = "ro-crate-metadata.json", "#psst"
FORMATS = {
    ".nc": "application/netcdf",
    ".csv": "text/csv",
    ".yaml": "application/yaml",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".eps": "application/postscript",
}
FILES = {
    CUBE: "the measures of all runs, over the axes of the sweep",
    CONFIGURATION: "what was asked for, the axes and the resolved configuration",
    TABLE: "a row a run: its id, its values, its chunk and its position there",
    ERROR_ESTIMATE: "runs beside their twins at half the step",
    TWINS: "a row a run that was integrated once more at half the step",
}
Entity = dict[str, Any]


def export_crate(results: Results, target: Path, chunks: bool = False, licence: str | None = None) -> None:
    """Write a crate into a new folder or, if `target` ends in .zip, as one file.

    Args:
        chunks: whether to include the chunks, with the spikes, potentials and traces of all runs.
        licence: the licence of the data, by its SPDX identifier such as CC-BY-4.0.

    Raises:
        PsstError: when the sweep has not been gathered, a chunk is missing, a file was changed since it was written, or
            the target is there.
    """
    if target.exists():
        raise PsstError(f"--crate {target}: is there already; remove it or name another")
    files = _files(results, chunks)
    text = json.dumps(
        {"@context": f"{VERSION}/context", "@graph": _graph(results, files, licence)}, indent=1, ensure_ascii=False
    )
    if target.suffix == ".zip":
        with atomic(target) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(DESCRIPTOR, text + "\n")
            for name, (file, _) in files.items():
                archive.write(file, name)
        return
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        for name, (file, _) in files.items():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, beside / name)
        (beside / DESCRIPTOR).write_text(text + "\n", encoding="utf-8")
        beside.replace(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _files(results: Results, chunks: bool) -> dict[str, tuple[Path, str]]:
    """Return files with their descriptions, by their name in the crate."""
    sweep, home = results.files, results.home
    if not sweep.cube.is_file():
        raise PsstError(f"{sweep.path}: holds no {CUBE}; gather the sweep first")
    places = {file.name: file for file in sweep.files}
    found = {name: (places[name], what) for name, what in FILES.items() if places[name].is_file()}
    shown = [(file, "figure of the sweep") for file in sweep.figure_files()]
    shown += [(file, "the numbers of a figure") for file in sweep.table_files()]
    for file, what in shown:
        found[f"{file.parent.name}/{file.name}"] = file, f"{what}: {file.stem.replace('_', ' ')}"
    tables = [read_table(file) for file in (sweep.table, sweep.twins) if chunks and file.name in found]
    for chunk in sorted({chunk for table in tables for chunk in table["chunk"]}):
        read, made = home.manifest_file(chunk), home.chunk_file(chunk)
        for file, what in ((read, "what the job read"), (made, "spikes, potentials and traces of its runs")):
            if not file.is_file():
                raise PsstError(f"{file}: is missing; run the sweep again, or export it without --chunks")
            found[f"{CHUNKS}/{file.name}"] = file, f"chunk {chunk}: {what}"
    for file, _ in found.values():
        check_unchanged(sweep.path, file)
        if file.suffix == ".nc":
            check_whole(file)
    return found


def _graph(results: Results, files: Mapping[str, tuple[Path, str]], licence: str | None) -> list[Entity]:
    attributes, rights = results.cube.attrs, _licence(licence)
    ended = attributes["history"].splitlines()[-1].partition(" ")[0].replace("Z", "+00:00")
    read = [name for name in files if name in (CONFIGURATION, TABLE, TWINS) or name.endswith(MANIFEST)]
    organisation = _organisation(attributes)
    software = _software(attributes)
    by = _links(part["@id"] for part in organisation)
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": attributes["title"],
        "description": f"{attributes['title']}: a parameter sweep of {len(results.plan):,} runs, made by PSST",
        "datePublished": ended,
        **({"author": by} if by else {}),
        "license": {"@id": rights["@id"]},
        "conformsTo": {"@id": PROFILE},
        "hasPart": _links(files),
        "mentions": {"@id": "#sweep"},
    }
    action = {
        "@id": "#sweep",
        "@type": "CreateAction",
        "name": f"the sweep {results.folder.name}",
        "description": f"experiment={attributes['experiment']} {attributes['overrides']}".strip(),
        "instrument": {"@id": software[0]["@id"]},
        "object": _links(read),
        "result": _links(name for name in files if name not in read),
        "endTime": ended,
        **({"agent": by} if by else {}),
    }
    descriptor = {
        "@id": DESCRIPTOR,
        "@type": "CreativeWork",
        "conformsTo": {"@id": VERSION},
        "about": {"@id": "./"},
    }
    profile = {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    entities = [_file(name, *file) for name, file in files.items()]
    return [descriptor, root, profile, action, *software, rights, *organisation, *entities]


def _links(names: Iterable[str]) -> Any:
    links = [{"@id": name} for name in names]
    return links[0] if len(links) == 1 else links


def _file(name: str, file: Path, what: str) -> Entity:
    entity = {"@id": name, "@type": "File", "name": file.name, "description": what}
    return entity | {
        "encodingFormat": FORMATS.get(file.suffix, "application/octet-stream"),
        "contentSize": str(file.stat().st_size),
    }


def _software(attributes: Mapping[str, Any]) -> list[Entity]:
    """Return PSST in the versions that made the data, and its authors."""
    cited = CHECKOUT / "CITATION.cff"
    citation = from_yaml(cited.read_text(encoding="utf-8")) if cited.exists() else {}
    authors = []
    for number, author in enumerate(citation.get("authors", [])):
        name = author.get("name") or f"{author['given-names']} {author['family-names']}"
        kind = "Organization" if "name" in author else "Person"
        authors.append({"@id": author.get("orcid", f"#author{number}"), "@type": kind, "name": name})
    about = metadata.metadata("psst-core")
    software = {
        "@id": citation.get("repository-code", SOFTWARE),
        "@type": "SoftwareApplication",
        "name": "PSST",
        "description": about["Summary"],
        "softwareVersion": attributes["source"].replace("PSST ", ""),
        "license": {"@id": f"https://spdx.org/licenses/{citation.get('license', 'MIT')}"},
        "author": _links(author["@id"] for author in authors),
    }
    return [software | ({"url": citation["repository-code"]} if "repository-code" in citation else {}), *authors]


def _licence(licence: str | None) -> Entity:
    if licence is None:
        name, what = "no licence chosen", "nobody may use the data without asking; psst export --licence names one"
        return {"@id": "#licence", "@type": "CreativeWork", "name": name, "description": what}
    name = f"https://spdx.org/licenses/{licence}"
    return {"@id": name, "@type": "CreativeWork", "name": licence, "description": f"the licence {licence}"}


def _organisation(attributes: Mapping[str, object]) -> list[Entity]:
    named = attributes.get("institution")
    return [{"@id": "#institution", "@type": "Organization", "name": named}] if named else []
