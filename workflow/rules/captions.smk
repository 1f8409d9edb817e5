# The captions of figures in the report. What stands before this in a branch of the workflow says of which experiment a
# sweep is, and returns its configuration.

from psst_core.drawing import caption_in

CAPTIONS = Path(workflow.basedir, "report")


def told_of(wildcards):
    """The caption of a figure and its table; of a sweep's page, what someone saw in the pictures of its experiment."""
    if "figure" in wildcards.keys():
        return caption_in(wildcards.figure, configuration(wildcards))
    file = CAPTIONS / "experiments" / f"{experiment(wildcards)}.rst"
    content = file.read_text(encoding="utf-8") if file.is_file() else ""
    return "\n\n".join(" ".join(part.split()) for part in content.split("\n\n"))
