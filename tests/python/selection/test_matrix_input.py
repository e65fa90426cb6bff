"""What counts as embeddings: read as their values, or refused with what to do about it."""

from __future__ import annotations

import array
import ctypes
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thinset

N, D = 40, 6
torch = pytest.importorskip("torch")


def values(dtype=np.float32):
    return np.random.default_rng(3).standard_normal((N, D)).astype(dtype)


X = values()
EXPECTED = thinset.select(X, 9, "max_min").indices.tolist()


def chosen(embeddings):
    return thinset.select(embeddings, 9, "max_min").indices.tolist()


class WithArray:
    """An array of a library that is not known here."""

    def __init__(self, content):
        self.content = content

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.content, dtype)


class WithInterface:
    def __init__(self, content):
        self.content = content

    @property
    def __array_interface__(self):
        return self.content.__array_interface__


class WithDlpack:
    """A tensor of a library that is not known here, such as jax."""

    def __init__(self, tensor, device=None):
        self.tensor = tensor
        self.device = device

    def __dlpack__(self, **options):
        return self.tensor.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device or self.tensor.__dlpack_device__()


def read_only():
    copy = X.copy()
    copy.flags.writeable = False
    return copy


def as_ctypes():
    buffer = ((ctypes.c_float * D) * N)()
    np.frombuffer(buffer, np.float32)[:] = X.ravel()
    return buffer


def accepted():
    pandas = pytest.importorskip("pandas")
    arrow = pytest.importorskip("pyarrow")
    tensor = torch.from_numpy(X)
    frame = pandas.DataFrame(X, columns=list("abcdef"), index=range(100, 100 + N))
    return {
        "nothing masked": np.ma.array(X, mask=False),
        "masked without a mask": np.ma.array(X),
        "matrix": X.view(np.matrix),
        "record array of one type": X.view(np.recarray),
        "read-only": read_only(),
        "rows apart": np.concatenate([X, X], axis=1)[:, :D],
        "every other row": np.repeat(X, 2, axis=0)[::2],
        "memoryview": memoryview(X),
        "buffer": memoryview(X).toreadonly(),
        "ctypes": as_ctypes(),
        "__array__": WithArray(X),
        "__array_interface__": WithInterface(X),
        "DLPack": WithDlpack(tensor),
        "tensor": tensor,
        "tensor with a gradient": tensor.clone().requires_grad_(),
        "parameter": torch.nn.Parameter(tensor.clone()),
        "view of a tensor": torch.cat([tensor, tensor], dim=1)[:, :D],
        "list of rows": X.tolist(),
        "tuple of rows": tuple(tuple(row) for row in X.tolist()),
        "list of rows of numpy numbers": [list(row) for row in X],
        "list of shards": [X[:7], X[7:]],
        "shards of several kinds": [X[:7], tensor[7:11], memoryview(X[11:])],
        "shards of one row": [X[:1], X[1:]],
        "shards of rows apart": list(np.split(np.concatenate([X, X], axis=1)[:, :D], [1, 9])),
        "frame": frame,
        "frame of two types": frame.astype({"a": "float64"}),
        "nullable frame": frame.convert_dtypes(),
        "frame of pyarrow columns": frame.convert_dtypes(dtype_backend="pyarrow"),
        "frames as shards": [frame[:11], frame[11:]],
        "table": arrow.table(frame),
        "record batch": arrow.record_batch(frame),
    }


@pytest.mark.parametrize("case", accepted())
def test_embeddings_are_read_as_their_values(case):
    assert chosen(accepted()[case]) == EXPECTED


def test_one_row_alone_is_read_with_its_own_strides():
    # In a shard of one row nothing but the distance of its columns says where its values are.
    apart = np.stack([X[0], X[0] + 7], axis=1).reshape(1, -1)[:, ::2]
    with pytest.raises(ValueError, match=r"shard 0: .*C order.*strides"):
        chosen([apart, X[1:]])


BFLOAT16 = torch.from_numpy(X).bfloat16()


def bfloat16_by_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    return BFLOAT16.float().numpy().astype(ml_dtypes.bfloat16)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BFLOAT16,
        bfloat16_by_ml_dtypes,
        lambda: WithDlpack(BFLOAT16),
        lambda: WithArray(bfloat16_by_ml_dtypes()),
        lambda: [BFLOAT16[:7], bfloat16_by_ml_dtypes()[7:]],
        lambda: memoryview(BFLOAT16.float().numpy()),
    ],
)
def test_bfloat16_is_read_as_its_values_without_a_copy(make):
    expected = thinset.select(BFLOAT16.double().numpy(), 9, "max_min")
    found = thinset.select(make(), 9, "max_min")
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.gains.tolist() == expected.gains.tolist()
    is_bfloat16 = not isinstance(make(), memoryview)
    assert found.params["dtype"] == ("bfloat16" if is_bfloat16 else "float32")


def test_bfloat16_of_ml_dtypes_shares_memory():
    from thinset.selection.matrix_input import as_matrix

    held = bfloat16_by_ml_dtypes()
    assert np.shares_memory(as_matrix(held).values, held)


def test_bfloat16_by_dlpack_alone_needs_a_library_that_reads_it():
    program = textwrap.dedent("""
        import numpy as np, thinset
        class Jax:
            def __dlpack__(self, **options): raise BufferError("unsupported dtype")
            def __dlpack_device__(self): return (1, 0)
        class Gpu(Jax):
            def __dlpack_device__(self): return (2, 0)
        for source in (Jax(), Gpu()):
            try:
                thinset.select(source, 1)
            except ValueError as error:
                print(error)
    """)
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "cannot be read by DLPack: unsupported dtype; pass numpy.asarray(" in result.stdout
    assert "got Gpu on another device (DLPack device type 2)" in result.stdout


def masked():
    content = np.ma.array(X, mask=False)
    content[36, 2] = np.ma.masked
    content[38] = np.ma.masked
    return content


def structured():
    return np.zeros(N, [("x", "f4"), ("y", "f4")])


def unaligned():
    content = np.zeros(X.nbytes + 1, np.uint8)[1:]
    content[:] = X.reshape(-1).view(np.uint8)
    return content.view(np.float32).reshape(N, D)


class NotHere:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("it was deleted")


class Sparse:
    def toarray(self):
        return X


def refused():
    pandas = pytest.importorskip("pandas")
    arrow = pytest.importorskip("pyarrow")
    tensor = torch.from_numpy(X)
    float8 = tensor.to(torch.float8_e4m3fn)
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    large = frame.assign(a=2**53 + np.arange(N))
    one_of = "must be float16, bfloat16, float32 or float64, got "
    return {
        "masked": (masked(), r"masked values: row 36 has one \(2 rows have .*filled"),
        "shard masked": ([X, masked()], "shard 1: .*masked values: row 36"),
        "structured": (structured(), r"got \[\('x', '<f4'\).*structured_to_unstructured"),
        "record": (structured().view(np.recarray), "got .*structured_to_unstructured"),
        "raw bytes": (X.view("V4"), r"got \|V4; numpy saves bfloat16"),
        "complex": (X.astype(complex), one_of + r"complex128; pass abs\(embeddings\)"),
        "integers": (X.astype(int), one_of + r"int64; .*astype\('float32'\)"),
        "truth values": (X > 0, one_of + "bool"),
        "long double": (X.astype(np.longdouble), one_of + "float128|got longdouble"),
        "texts": (X.astype(str), one_of + "<U32"),
        "dates": (X.astype("M8[s]"), one_of + "datetime64"),
        "big-endian": (X.astype(">f4"), one_of + r">f4; .*astype\('float32'\)"),
        "objects": (X.astype(object), one_of + "object; numpy.stack"),
        "0-D": (np.float32(1) * np.ones(()), r"2-D array .*shape \(\)"),
        "1-D": (X[0], r"2-D array .*shape \(6,\); embeddings.reshape\(-1, 1\)"),
        "3-D": (X[None], r"2-D array .*shape \(1, 40, 6\); embeddings.reshape\(len"),
        "rows of arrays": (list(X), r"shard 0: .*2-D array .*numpy.stack\(rows\)"),
        "Fortran order": (np.asfortranarray(X), "C order.*numpy.ascontiguousarray"),
        "rows backwards": (X[::-1], "C order.*strides"),
        "columns backwards": (X[:, ::-1], "C order.*strides"),
        "one row repeated": (np.broadcast_to(X[0], (N, D)), "C order.*strides"),
        "windows": (np.lib.stride_tricks.sliding_window_view(X.ravel(), D), "C order.*strides"),
        "unaligned": (unaligned(), r"multiple of their element's size.*copy\(\)"),
        "no rows": (X[:0], "embeddings must have at least one row, got none"),
        "no columns": (X[:, :0], "at least one row and one column"),
        "no list": ([], "at least one shard, got an empty list"),
        "array.array": (array.array("f", X.ravel()), r"2-D array .*shape \(240,\)"),
        "long doubles in C": ((ctypes.c_longdouble * 3)(), "numbers, got a buffer of format"),
        "bytes": (b"X.npy", "path to a .npy file .*got bytes"),
        "None": (None, "got NoneType"),
        "a set": ({1.0}, "got set"),
        "a generator": ((row for row in X), "got generator"),
        "null byte": ("X\0.npy", "null byte"),
        "sparse": (Sparse(), r"must be dense, got Sparse; pass embeddings.toarray\(\)"),
        "deleted": (NotHere(), "cannot be read as an array: NotHere says: it was deleted"),
        "list of numbers": ([1.0, 2.0, 3.0], r"2-D array .*shape \(3,\)"),
        "ragged list": ([[1.0, 2.0], [3.0]], "one length: row 1 has 1 elements, row 0 has 2"),
        "list of texts": ([["a", "b"]], "numbers: row 0, column 0 holds 'a'"),
        "list with None": ([[1.0, 2.0], [3.0, None]], "row 1, column 1 holds NoneType"),
        "list of truth values": ([[True, False]], "row 0, column 0 holds True"),
        "list with large integers": ([[2**53 + 1, 1]], r"row 0 has an integer of 2\*\*53 or more"),
        "nested shards": ([[X, X]], "row 0, column 0 holds ndarray"),
        "three levels": ([[[1.0], [2.0]]], "row 0, column 0 holds list"),
        "float8": (float8, one_of + r"float8_e4m3fn; .*float\(\)"),
        "float8 by DLPack": (WithDlpack(float8), one_of + "float8_e4m3fn|cannot be read by DLPack"),
        "tensor of integers": (tensor.long(), one_of + r"int64; .*float\(\)"),
        "tensor of complex": (tensor.to(torch.complex64), one_of + "complex64"),
        "sparse tensor": (tensor.to_sparse(), r"dense, got .*sparse_coo; .*to_dense\(\)"),
        "sparse rows": (lambda: tensor.to_sparse_csr(), r"dense, got .*sparse_csr; .*to_dense\(\)"),
        "shard sparse": ([X, tensor.to_sparse()], r"shard 1: .*to_dense\(\)"),
        "negated view": (torch._neg_view(tensor), r"resolve_neg\(\)"),
        "transposed tensor": (tensor.T, r"C order.*embeddings.contiguous\(\)"),
        "meta": (tensor.to("meta"), "device 'meta' .* no values"),
        "shard on a device": ([tensor.to("meta")], "shard 0: tensors on the device 'meta'"),
        "1-D tensor on a device": (tensor[0].to("meta"), r"2-D array .*shape \(6,\)"),
        "float8 on a device": (float8.to("meta"), one_of + "float8_e4m3fn"),
        "column of texts": (frame.assign(e="x"), "numbers: column 'e' holds str"),
        "column of truth values": (frame.assign(e=True), "column 'e' holds bool"),
        "column of categories": (
            frame.assign(e=pandas.Categorical(np.arange(N))),
            "column 'e' holds category; leave it out",
        ),
        "column of complex": (frame.assign(e=1j), "column 'e' holds complex128"),
        "column of dates": (frame.assign(e=pandas.Timestamp(0)), "column 'e' holds datetime64"),
        "missing in a column": (
            frame.assign(a=pandas.array(np.where(np.arange(N) == 17, None, 1.0), "Float32")),
            "finite: row 17, column 0 is nan",
        ),
        "large integers in a column": (large, r"column 'a' has an integer of 2\*\*53 .*in row 0"),
        "a series": (frame["a"], r"2-D array .*shape \(40,\)"),
        "table with texts": (arrow.table({"t": ["x"]}), "column 't' holds string"),
        "table with a hole": (arrow.table({"t": [1.0, None]}), "finite: row 1, column 0 is nan"),
    }


@pytest.mark.parametrize("case", refused())
@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_what_is_refused_and_what_to_do(case):
    embeddings, message = refused()[case]
    if case == "sparse rows":  # torch warns when it makes them
        embeddings = embeddings()
    with pytest.raises(ValueError, match=message):
        thinset.select(embeddings, 1, "max_min")


@pytest.mark.filterwarnings("ignore")
def test_tensors_that_are_not_stored_as_they_are():
    tensor = torch.from_numpy(X)
    quantized = torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8)
    nested = torch.nested.nested_tensor([tensor[:3], tensor[:5]])
    jagged = torch.nested.nested_tensor([tensor[:3], tensor[:5]], layout=torch.jagged)
    for source, message in (
        (quantized, r"quantized, got qint8; pass embeddings.dequantize\(\)"),
        (nested, "nested tensor; torch.nested.to_padded_tensor"),
        (jagged, "nested tensor; torch.nested.to_padded_tensor"),
        (tensor.to_mkldnn(), r"dense, got .*mkldnn; pass embeddings.to_dense\(\)"),
    ):
        with pytest.raises(ValueError, match=message):
            chosen(source)


@pytest.mark.parametrize("name", ["float8_e4m3fn", "int4", "float4_e2m1fn"])
def test_other_types_of_ml_dtypes_are_refused(name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    with pytest.raises(ValueError, match=rf"float64, got {name}; .*astype\('float32'\)"):
        chosen(np.ones((3, 2)).astype(getattr(ml_dtypes, name)))


def test_scipy_sparse_matrices_are_refused():
    sparse = pytest.importorskip("scipy.sparse")
    for kind in (sparse.csr_matrix, sparse.coo_array):
        with pytest.raises(ValueError, match=rf"dense, got {kind.__name__}; .*toarray"):
            chosen(kind(X))


def test_frames_of_polars():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(X)
    assert chosen(frame) == EXPECTED
    assert chosen([frame[:5], X[5:]]) == EXPECTED
    assert thinset.select(frame, 9).params["dtype"] == "float32"
    for wrong, message in (
        (frame.with_columns(t=polars.lit("x")), "column 't' holds String"),
        (frame.with_columns(t=polars.lit(None, polars.Int32)), "row 0, column 6 is nan"),
        (frame.with_columns(t=polars.lit(1, polars.Int128)), "column 't' holds Int128"),
        (frame.lazy(), r"got a polars LazyFrame; pass embeddings.collect\(\)"),
    ):
        with pytest.raises(ValueError, match=message):
            chosen(wrong)


def test_the_element_type_of_a_frame_holds_every_column():
    pandas = pytest.importorskip("pandas")
    for columns, expected in (
        ({"a": "float32", "b": "float32"}, "float32"),
        ({"a": "float16"}, "float16"),
        ({"a": "float16", "b": "float32"}, "float32"),
        ({"a": "int8", "b": "float32"}, "float32"),
        ({"a": "int32", "b": "float32"}, "float64"),
        ({"a": "int64"}, "float64"),
        ({"a": "uint8"}, "float16"),
    ):
        frame = pandas.DataFrame(
            {name: np.arange(N).astype(kind) for name, kind in columns.items()}
        )
        assert thinset.select(frame, 3, "random").params["dtype"] == expected
        assert thinset.estimate(frame, 3).memory_bytes > 0
        exact = frame.to_numpy(dtype=np.float64)
        assert chosen(frame) == chosen(np.ascontiguousarray(exact))


def test_lists_of_integers_are_numbers():
    rows = [[1, 2], [3, 4], [9, -9], [2**53, 0]]
    found = thinset.select(rows, 2, "max_min")
    expected = thinset.select(np.array(rows, np.float64), 2, "max_min")
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.params["dtype"] == "float64"


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(
            st.lists(
                st.floats(-1e6, 1e6) | st.integers(-(2**53), 2**53), min_size=width, max_size=width
            ),
            min_size=1,
            max_size=8,
        )
    )
)
def test_a_list_of_rows_is_the_matrix_of_them(rows):
    from thinset.selection.matrix_input import as_matrix

    assert as_matrix(rows).values.tolist() == [[float(value) for value in row] for row in rows]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([1, 2, -1, -2]),
    st.sampled_from([1, 2, -1]),
)
def test_views_are_read_right_or_refused(first_row, first_column, row_step, column_step):
    view = X[first_row:, first_column:][::row_step, ::column_step]
    expected = thinset.select(view.copy(), 3, "max_min")
    if row_step > 0 and column_step == 1:
        assert thinset.select(view, 3, "max_min").gains.tolist() == expected.gains.tolist()
    else:
        with pytest.raises(ValueError, match="C order"):
            thinset.select(view, 3, "max_min")
