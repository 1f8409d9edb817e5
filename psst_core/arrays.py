"""The types of arrays and tensors, and the names of their axes.

Signatures state axes by jaxtyping: `Float[Tensor, "cell run"]` is a tensor of floating-point numbers with these two
axes. A leading `#` says that an axis may also have the length 1; `...` and names with a leading `*` stand for any
axes. A single axis has a blank before it: `" cell"`. An axis has one length wherever its name stands in one signature,
unless a `_` leads it: the lengths of `_cell` differ between populations. Only type checkers and tests read this: PSST
runs without jaxtyping, and a job checks nothing of it.

Axes:
    run: the runs of a batch; in a compiled program its lanes, of which spare ones repeat the last run.
    population: the populations of a network.
    cell: the cells of a population, or those of all populations, one population after the other.
    pre, post: the cells before and behind the synapses of a projection.
    connection: the connections of a projection.
    input: the inputs of a cell, as many as the cell with the most inputs has.
    traced: the cells of which traces are kept.
    target: the cells that receive a stimulus.
    row, column: the numbers that a stimulus looks up.
    stretch: the stretches of steps in which the current of a file is one straight line.
    edge: the times at which a stimulus jumps or bends.
    step: steps of the integration.
    sample, time: samples of a recorder or a file; xarray calls this axis time.
    spike: the spikes of all runs.
    train: the spikes of one cell after the other.
    interval: the intervals between a cell's successive spikes, of one cell after the other.
    bin: the bins of a window in which spikes are counted.
    segment: the parts of a potential of which spectra are taken.
    pair: pairs of cells.
    frequency: the frequencies of a spectrum.
    word: the two words of 32 bits that make or hold random numbers.
    moment: the mean of a number and that of its square, in this order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy.typing as npt

if TYPE_CHECKING:
    from jaxtyping import Float

Array: TypeAlias = npt.NDArray[Any]  # of numbers of any kind
Tensor: TypeAlias = Any  # TensorFlow's, which has no types of its own
TensorArray: TypeAlias = Any  # TensorFlow's array of tensors, written place by place
DType: TypeAlias = Any  # TensorFlow's type of the numbers in a tensor

# A number, or one for each run, each cell, or both.
Number: TypeAlias = "Float[Tensor, '#cell #run'] | Float[Tensor, ''] | float"
