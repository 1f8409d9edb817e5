"""A finished sweep as an RO-Crate: its files, the workflow that made them and its inputs (Workflow Run Crate)."""

import json
import secrets
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

from psst_core.errors import PsstError
from psst_core.files import CHECKOUT, atomic, from_yaml
from psst_core.results.sweep_results import Results
from psst_core.store.dataset import check_whole
from psst_core.store.folder import CHUNKS, CONFIGURATION, CUBE, ERROR_ESTIMATE, MANIFEST, TABLE, TWINS
from psst_core.store.made import check_unchanged
from psst_core.store.provenance import checkout, source
from psst_core.store.records import read_table

Entity = dict[str, Any]
VERSION = "https://w3id.org/ro/crate/1.1"
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    WORKFLOW_CRATE: ("Workflow RO-Crate", "1.0"),
}
BIOSCHEMAS = "https://bioschemas.org/profiles/{}/1.0-RELEASE"
LANGUAGE: Entity = {
    "@id": "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
    "@type": "ComputerLanguage",
    "name": "Snakemake",
    "identifier": {"@id": "https://doi.org/10.1093/bioinformatics/bts480"},
    "url": {"@id": "https://snakemake.readthedocs.io"},
}
DESCRIPTOR, SOFTWARE = "ro-crate-metadata.json", "#psst"
WORKFLOW, SNAKEFILE = "workflow", "workflow/Snakefile"
PARTS = {
    "Snakefile": "the workflow: plan, simulate, summarise, gather, draw",
    "rules/*.smk": "rules of the workflow",
    "scripts/*.py": "a job of the workflow, which calls PSST",
    "report/*.rst": "text of the workflow's report",
}
FORMATS = {
    ".nc": "application/netcdf",
    ".csv": "text/csv",
    ".yaml": "application/yaml",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".eps": "application/postscript",
    ".py": "text/x-python",
    ".rst": "text/x-rst",
}
TEXT = ("", ".smk")  # the endings of files in Snakemake's language
FILES = {
    CUBE: "the measures of all runs, over the axes of the sweep",
    CONFIGURATION: "what was asked for, the axes and the resolved configuration",
    TABLE: "a row a run: its id, its values, its chunk and its position there",
    ERROR_ESTIMATE: "runs beside their twins at half the step",
    TWINS: "a row a run that was integrated once more at half the step",
}


def export_crate(results: Results, target: Path, chunks: bool = False, licence: str | None = None) -> None:
    """Write a crate into a new folder or, if `target` ends in .zip, as one file.

    Args:
        chunks: whether to include the chunks, with the spikes, potentials and traces of all runs.
        licence: the licence of the data, by its SPDX identifier such as CC-BY-4.0.

    Raises:
        PsstError: when the sweep has not been gathered, a chunk is missing, a file was changed since it was written,
            PSST was installed without its workflow, or the target is there.
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
    return found | _workflow_files()


def _workflow_files() -> dict[str, tuple[Path, str]]:
    """Return the files of the workflow, as they are now."""
    if not (CHECKOUT / SNAKEFILE).is_file():
        raise PsstError(
            f"{CHECKOUT / SNAKEFILE}: is missing, as PSST was installed without its workflow; install it from a clone"
        )
    found = {file: what for part, what in PARTS.items() for file in sorted((CHECKOUT / WORKFLOW).glob(part))}
    return {file.relative_to(CHECKOUT).as_posix(): (file, what) for file, what in found.items()}


def _graph(results: Results, files: Mapping[str, tuple[Path, str]], licence: str | None) -> list[Entity]:
    attributes, rights = results.cube.attrs, _licence(licence)
    ended = attributes["history"].splitlines()[-1].partition(" ")[0].replace("Z", "+00:00")
    read = [name for name in files if name in (CONFIGURATION, TABLE, TWINS) or name.endswith(MANIFEST)]
    organisation = _organisation(attributes)
    software = _software(attributes)
    made_by = [name for name in files if name.startswith(f"{WORKFLOW}/")]
    parameters, values = _given(results)
    by = _links(part["@id"] for part in organisation)
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": attributes["title"],
        "description": f"{attributes['title']}: a parameter sweep of {len(results.plan):,} runs, made by PSST",
        "datePublished": ended,
        **({"author": by} if by else {}),
        "license": {"@id": rights["@id"]},
        "conformsTo": _links(PROFILES),
        "hasPart": _links(files),
        "mainEntity": {"@id": SNAKEFILE},
        "mentions": {"@id": "#sweep"},
    }
    action = {
        "@id": "#sweep",
        "@type": "CreateAction",
        "name": f"the sweep {results.folder.name}",
        "description": f"experiment={attributes['experiment']} {attributes['overrides']}".strip(),
        "instrument": {"@id": SNAKEFILE},
        "object": _links([*(value["@id"] for value in values), *read]),
        "result": _links(name for name in files if name not in read and name not in made_by),
        "endTime": ended,
        **({"agent": by} if by else {}),
    }
    descriptor = {
        "@id": DESCRIPTOR,
        "@type": "CreativeWork",
        "conformsTo": _links([VERSION, WORKFLOW_CRATE]),
        "about": {"@id": "./"},
    }
    profiles = [
        {"@id": profile, "@type": "CreativeWork", "name": name, "version": version}
        for profile, (name, version) in PROFILES.items()
    ]
    entities = {name: _file(name, *file) for name, file in files.items()}
    workflow: Entity = {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "conformsTo": {"@id": BIOSCHEMAS.format("ComputationalWorkflow")},
        "name": "PSST",
        "version": source(checkout()),
        "programmingLanguage": {"@id": LANGUAGE["@id"]},
        "input": _links(parameter["@id"] for parameter in parameters),
        "hasPart": _links([*(name for name in made_by if name != SNAKEFILE), software[0]["@id"]]),
    }
    workflow |= {key: software[0][key] for key in ("license", "author", "url") if key in software[0]}
    entities[SNAKEFILE] |= workflow
    given = [LANGUAGE, *parameters, *values]
    return [descriptor, root, *profiles, action, *given, *software, rights, *organisation, *entities.values()]


def _given(results: Results) -> tuple[list[Entity], list[Entity]]:
    """Return what the workflow was given: the parameters, experiment and overrides by their keys, and their values."""
    given: dict[str, list[str]] = {"experiment": [str(results.record["experiment"])]}
    for text in results.record["overrides"]:
        key, _, value = text.partition("=")
        given.setdefault(key, []).append(value)
    parameters, values = [], []
    for key, texts in given.items():
        parameter, value = f"#parameter/{quote(key)}", f"#value/{quote(key)}"
        parameters.append(
            {
                "@id": parameter,
                "@type": "FormalParameter",
                "conformsTo": {"@id": BIOSCHEMAS.format("FormalParameter")},
                "name": key,
                "additionalType": "Text",
                "valueRequired": key == "experiment",
                "workExample": {"@id": value},
            }
        )
        values.append(
            {
                "@id": value,
                "@type": "PropertyValue",
                "name": key,
                "value": texts[0] if len(texts) == 1 else texts,
                "exampleOfWork": {"@id": parameter},
            }
        )
    return parameters, values


def _links(names: Iterable[str]) -> Any:
    links = [{"@id": name} for name in names]
    return links[0] if len(links) == 1 else links


def _file(name: str, file: Path, what: str) -> Entity:
    entity = {"@id": name, "@type": "File", "name": file.name, "description": what}
    return entity | {
        "encodingFormat": "text/plain" if file.suffix in TEXT else FORMATS.get(file.suffix, "application/octet-stream"),
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
