"""Makes codemeta.json from CITATION.cff and pyproject.toml: `python tests/project/codemeta.py` writes it anew."""

import json
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "codemeta.json"
OPTIONAL = {"repository-code": "codeRepository", "url": "url", "doi": "identifier"}  # of CITATION.cff, by its keys


def codemeta():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "@context": "https://w3id.org/codemeta/3.0",
        "@type": "SoftwareSourceCode",
        "name": cited["title"],
        "description": project["description"],
        "version": cited["version"],
        "dateModified": str(cited["date-released"]),
        "license": f"https://spdx.org/licenses/{cited['license']}",
        "author": [author(one) for one in cited["authors"]],
        **{name: cited[key] for key, name in OPTIONAL.items() if key in cited},
        "keywords": project["keywords"],
        "programmingLanguage": {"@type": "ComputerLanguage", "name": "Python"},
        "runtimePlatform": f"Python {project['requires-python']}",
        "softwareRequirements": project["dependencies"],
        "referencePublication": [publication(one) for one in cited["references"]],
    }


def author(one):
    orcid = {"@id": one["orcid"]} if "orcid" in one else {}
    if "name" in one:
        return {**orcid, "@type": "Organization", "name": one["name"]}
    return {**orcid, "@type": "Person", "givenName": one["given-names"], "familyName": one["family-names"]}


def publication(one):
    doi = f"https://doi.org/{one['doi']}"
    return {
        "@id": doi,
        "@type": "ScholarlyArticle",
        "name": one["title"],
        "author": [author(writer) for writer in one["authors"]],
        "datePublished": str(one["year"]),
        "isPartOf": {"@type": "Periodical", "name": one["journal"]},
        "url": doi,
    }


def text():
    return json.dumps(codemeta(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
