# The captions of figures in the report. What stands before this in a branch of the workflow says of which experiment a
# sweep is.

CAPTIONS = Path(workflow.basedir, "report")


def text(file):
    """Paragraphs in lines of their own; none where there is no such file."""
    content = file.read_text(encoding="utf-8") if file.is_file() else ""
    return "\n\n".join(" ".join(part.split()) for part in content.split("\n\n"))


def caption(wildcards):
    return text(CAPTIONS / f"{wildcards.figure}.rst")


def seen(wildcards):
    """What someone saw in the pictures of this experiment, where it was written down."""
    return text(CAPTIONS / "experiments" / f"{experiment(wildcards)}.rst")
