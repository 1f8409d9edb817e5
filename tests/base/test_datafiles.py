"""Arrays that a user brings: missing values, packing, dimensions, coordinates, units, and files that are none."""

import netCDF4
import numpy as np
import pytest
import xarray as xr

from psst_core.datafiles import InputFile, in_unit, read_variable, variable_names
from psst_core.errors import PsstError
from psst_core.quantities import factor

KEY = "network.projections.p.connectivity.path"


def read(path, variable="x", **settings):
    return read_variable(InputFile(str(path), KEY), variable, "path", **settings)


@pytest.fixture
def write(tmp_path):
    """A function that writes one variable `x` [n] of a NetCDF file as it is told to, and gives the path."""

    def write(raw, kind, attributes=(), written=None, **options):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.nc"
        with netCDF4.Dataset(path, "w") as file:
            file.createDimension("n", len(raw))
            x = file.createVariable("x", kind, ("n",), **options)
            x.set_auto_maskandscale(False)
            x.setncatts(dict(attributes))
            count = len(raw) if written is None else written
            x[:count] = np.asarray(raw, dtype=kind)[:count]
        return path

    return write


MISSING = {
    "never written": ("f8", [1, 2, 3], {}, {"written": 1}, 2),
    "never written, in single precision": ("f4", [1, 2, 3], {}, {"written": 2}, 1),
    "never written, whole numbers": ("i4", [1, 2, 3], {}, {"written": 2}, 1),
    "never written, large whole numbers": ("i8", [1, 2, 3], {}, {"written": 0}, 3),
    "never written, bytes": ("i1", [1, 2, 3], {}, {"written": 2}, 1),
    "never written, bytes without sign": ("u1", [1, 2, 3], {}, {"written": 1}, 2),
    "a fill value of its own": ("f8", [1, -99, -99], {}, {"fill_value": -99.0}, 2),
    "never written, then given another fill value": ("f8", [1, 9.969209968386869e36, 3], {}, {"fill_value": -99.0}, 1),
    "missing_value": ("f8", [1, -99, 3], {"missing_value": -99.0}, {}, 1),
    "several missing values": ("f8", [1, -99, -98], {"missing_value": [-99.0, -98.0]}, {}, 2),
    "missing and packed": ("i2", [10, -99, 3], {"missing_value": np.int16(-99), "scale_factor": 0.5}, {}, 1),
    "below valid_min": ("f8", [1, -99, 3], {"valid_min": 0.0}, {}, 1),
    "above valid_max": ("f8", [1, 2, 999], {"valid_max": 10.0}, {}, 1),
    "outside valid_range": ("f8", [-1, 2, 999], {"valid_range": [0.0, 10.0]}, {}, 2),
    "not a number": ("f8", [1, np.nan, 3], {}, {}, 1),
    "not a number, the fill value of xarray": ("f8", [np.nan, np.nan, 3], {}, {"fill_value": np.nan}, 2),
}


@pytest.mark.parametrize("case", MISSING)
def test_missing_values_are_counted_and_refused(write, case):
    kind, raw, attributes, options, count = MISSING[case]
    path = write(raw, kind, attributes, **options)
    with pytest.raises(PsstError, match=rf"path={path}: 'x': {count} of 3 values are missing"):
        read(path)


def test_missing_values_of_npz_files_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", nan=[1.0, np.nan], fill=[9.969209968386869e36, 1.0], inf=[np.inf, 1.0])
    for name, message in {"nan": "1 of 2 values are missing", "fill": "1 of 2", "inf": "1 of 2 values are inf"}.items():
        with pytest.raises(PsstError, match=f"'{name}': {message}"):
            read(tmp_path / "x.npz", name)


PACKED = {
    "scale and offset": ("i2", [10, -4, 3], {"scale_factor": 0.5, "add_offset": -65.0}, {}, [-60.0, -67.0, -63.5]),
    "scale alone": ("i4", [10, -4, 3], {"scale_factor": 0.25}, {}, [2.5, -1.0, 0.75]),
    "without sign": (
        "i1",
        [-1, 2, 3],
        {"_Unsigned": "true", "scale_factor": 2.0},
        {"fill_value": 7},
        [510.0, 4.0, 6.0],
    ),
    "bytes": ("i1", [-128, 0, 127], {}, {}, [-128.0, 0.0, 127.0]),
    "bytes without sign": ("u1", [0, 254, 255], {}, {"fill_value": 7}, [0.0, 254.0, 255.0]),
    "single precision": ("f4", [0.5, 2, 3], {}, {}, [0.5, 2.0, 3.0]),
    "at the ends of the valid range": ("f8", [0, 5, 10], {"valid_range": [0.0, 10.0]}, {}, [0.0, 5.0, 10.0]),
}


@pytest.mark.parametrize("case", PACKED)
def test_packed_values_are_unpacked(write, case):
    kind, raw, attributes, options, expected = PACKED[case]
    assert read(write(raw, kind, attributes, **options)).values.tolist() == expected


def test_an_attribute_that_netcdf_would_ignore_is_refused(write):
    with pytest.raises(PsstError, match="'x': missing_value does not fit the variable's type"):
        read(write([1, 2, 3], "i2", {"missing_value": -99.5}))


def test_only_what_is_used_must_be_complete(tmp_path):
    xr.Dataset({"x": ("n", [1.0, 2.0]), "other": ("n", [np.nan, 2.0])}).to_netcdf(tmp_path / "x.nc")
    assert read(tmp_path / "x.nc").values.tolist() == [1.0, 2.0]


def test_text_dates_and_complex_numbers_are_no_numbers(tmp_path):
    kinds = {
        "text": ["a"], "complex numbers": [1j], "dates": np.array(["2020-01-01"], "M8[D]"), "true and false": [True],
    }  # fmt: skip
    for number, (content, values) in enumerate(kinds.items()):
        np.savez(tmp_path / f"{number}.npz", x=values)
        with pytest.raises(PsstError, match=f"'x' holds {content}"):
            read(tmp_path / f"{number}.npz")
    assert read(tmp_path / "3.npz", kinds="iufb").values.tolist() == [1.0]
    xr.Dataset({"x": ("n", ["a", "b"])}).to_netcdf(tmp_path / "text.nc")
    with pytest.raises(PsstError, match="'x' holds text"):
        read(tmp_path / "text.nc")
    np.savez(tmp_path / "large.npz", x=[2**53 + 1])
    with pytest.raises(PsstError, match=r"2\^53 or more"):
        read(tmp_path / "large.npz")


def test_files_that_are_none(tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"PK not a zip")
    (tmp_path / "broken.nc").write_bytes(b"CDF?")
    (tmp_path / "empty.nc").write_bytes(b"")
    (tmp_path / "table.csv").write_text("1,2")
    (tmp_path / "folder.nc").mkdir()
    np.savez(tmp_path / "objects.npz", x=np.array([{"a": 1}], dtype=object))
    np.savez(tmp_path / "weights.npz", weight=[1.0])
    np.savez(tmp_path / "whole.npz", x=np.arange(1000.0))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-300])
    reasons = {
        "broken.npz": "is damaged, or no npz file of NumPy",
        "cut.npz": "is damaged, or no npz file of NumPy",
        "broken.nc": "is damaged, or no NetCDF file",
        "empty.nc": "is damaged, or no NetCDF file",
        "table.csv": "must be a NetCDF",
        "folder.nc": "which is a folder",
        "objects.npz": "objects of Python",
        "weights.npz": r"no variable 'x'; there are: weight",
        "weight.npz": rf"no such file; looked for {tmp_path}/weight.npz; there is: weights.npz",
        "elsewhere/x.nc": f"there is no folder {tmp_path}/elsewhere",
    }
    for name, reason in reasons.items():
        with pytest.raises(PsstError, match=f"^{KEY}={tmp_path}/{name}.*{reason}"):
            read(tmp_path / name)
    with pytest.raises(PsstError, match=r"relative to the folder where you start"):
        read("weights.nc")
    with (tmp_path / "sparse.nc").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(PsstError, match="at most"):
        read(tmp_path / "sparse.nc")


def test_a_path_that_no_field_declares_as_a_file_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", x=[1.0])
    with pytest.raises(PsstError, match=r"stimulus.table=.*not declared as one.*`table: str = data_file\(\)`"):
        read_variable(str(tmp_path / "x.npz"), "x", "stimulus.table")


def test_dimensions_are_put_in_order_by_name_and_cells_by_number(tmp_path):
    weight = np.arange(9.0).reshape(3, 3)
    straight = xr.Dataset({"x": (("post", "pre"), weight)})
    ways = {
        "straight": straight,
        "swapped": straight.transpose("pre", "post"),
        "numbered": straight.assign_coords(post=[0, 1, 2], pre=[0, 1, 2]),
        "shuffled": straight.assign_coords(post=[0, 1, 2], pre=[0, 1, 2]).isel(post=[2, 0, 1], pre=[1, 0, 2]),
    }
    for name, data in ways.items():
        data.to_netcdf(tmp_path / f"{name}.nc")
        assert np.array_equal(read(tmp_path / f"{name}.nc").along("post", "pre"), weight), name
    straight.rename(post="to").to_netcdf(tmp_path / "named.nc")
    with pytest.raises(PsstError, match=r"has the dimensions \(to, pre\); name them post, pre"):
        read(tmp_path / "named.nc").along("post", "pre")
    straight.assign_coords(post=[1, 2, 3]).to_netcdf(tmp_path / "counted.nc")
    with pytest.raises(PsstError, match=r"coordinate post is 1, 2, 3; must have each number from 0 to 2 once"):
        read(tmp_path / "counted.nc").along("post", "pre")


def test_coordinates_and_units_are_read_with_a_variable(tmp_path):
    data = xr.Dataset({"x": ("time", [1.0, 2.0], {"units": "nA/cm2"})}, {"time": ("time", [0.0, 0.1], {"units": "ms"})})
    data.to_netcdf(tmp_path / "x.nc")
    found = read(tmp_path / "x.nc")
    assert (found.dims, found.unit, found.coordinates["time"].unit) == (("time",), "nA/cm2", "ms")
    assert found.coordinates["time"].values.tolist() == [0.0, 0.1]
    assert variable_names(InputFile(str(tmp_path / "x.nc"), KEY), KEY) == ["x"]
    assert in_unit(found.values, found.unit, "uA/cm2", found.where).tolist() == [0.001, 0.002]


@pytest.mark.parametrize(
    "unit,wanted,expected",
    [
        ("V", "mV", 1000), ("mV", "mV", 1), ("millivolt", "mV", 1), ("nA/cm2", "uA/cm2", 0.001),
        ("A m-2", "uA/cm2", 100), ("A.m-2", "uA/cm2", 100), ("µA/cm²", "uA/cm2", 1), ("uA/cm^2", "uA/cm2", 1),
        ("microampere / centimeter ** 2", "uA/cm2", 1), ("s", "ms", 1000), ("", "1", 1), ("1", "1", 1),
        ("%", "1", 0.01), ("umol/L", "mM", 0.001), ("S/m2", "mS/cm2", 0.1),
    ],
)  # fmt: skip
def test_units_are_converted_without_rounding(unit, wanted, expected):
    assert in_unit(np.array([3.0]), unit, wanted, "k=f: 'x'").tolist() == [
        3 * expected if expected > 1 else 3 / round(1 / expected)
    ]


@pytest.mark.parametrize("unit,wanted", [("mV", "1"), ("mA", "uA/cm2"), ("", "mV"), ("degC", "K"), ("mS/cm2", "1")])
def test_units_of_another_dimension_are_refused(unit, wanted):
    with pytest.raises(PsstError, match=rf"k=f: 'x' has the unit '{unit}', but must be in {wanted}"):
        factor(unit, wanted, "k=f: 'x'")


@pytest.mark.parametrize(
    "unit", ["mv", "ms since 2000-01-01", "9**9**9", "((((", "arbitrary units", "m" * 1000, "2 mV"]
)
def test_units_that_cannot_be_read_are_refused(unit):
    with pytest.raises(PsstError, match="which cannot be read; write its units as mV"):
        factor(unit, "mV", "k=f: 'x'")
