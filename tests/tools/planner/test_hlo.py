"""Compiled programs are counted right: against XLA's own counts where these are right, and by hand where not."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jaxgan.tools.planner import hlo
from jaxgan.tools.planner.groups import device_groups, spanned_axes
from jaxgan.tools.planner.hlo_text import parse, parse_shapes

# A TPU program in miniature: tiled layouts, on-chip memory, a loop whose length only its condition says, a fusion that
# reads one slice of what it is given, a collective inside the loop.
TPU = (Path(__file__).parent / "tpu_program.hlo").read_text()


def by_name(program: hlo.Program) -> dict[str, hlo.Cost]:
    return {cost.name: cost for cost in program.costs}


def test_a_loop_whose_length_only_its_condition_says_is_multiplied_out():
    program = hlo.analyse(TPU)
    assert program.loops == (("loop", 4),)
    costs = by_name(program)
    assert costs["y"].times == 4 and costs["y"].flops == 2 * 16 * 128 * 128
    assert costs["g"].flops == 2 * 16 * 128 * 128  # contracts the batch
    assert program.total("flops") == 4 * 2 * (2 * 16 * 128 * 128)
    assert program.total("cycles") == 400


def test_bytes_are_those_of_main_memory_slices_and_padding():
    costs = by_name(hlo.analyse(TPU))
    row = 16 * 128 * 4
    assert costs["x"].bytes == row + 4 + row  # the slice, the index (4 bytes, 512 in its tile), the result
    assert costs["x"].hbm_bytes == row + 512  # the result lies on the chip
    assert costs["y"].hbm_bytes == 128 * 128 * 4  # the weights alone
    assert costs["start"].hbm_bytes == 512  # three values fill a tile of 128
    [collective] = costs["r"].collectives
    assert (collective.kind, collective.bytes) == ("all-reduce", 128 * 128 * 4)
    assert device_groups(collective.groups, 4).tolist() == [[0, 1], [2, 3]]


def test_layouts_pad_to_whole_tiles():
    [shape] = parse_shapes("bf16[3,5,200]{0,2,1:T(8,128)(2,1)S(1)}")
    # Major to minor: 5, 200, 3; the tile covers the last two.
    assert (shape.padded, shape.space) == ((5, 200, 128), 1)
    assert shape.laid_out_bytes == 5 * 200 * 128 * 2 and shape.size_bytes == 3 * 5 * 200 * 2


@pytest.mark.parametrize(
    ("text", "groups", "axes"),
    [
        ("{{0,1},{2,3}}", [[0, 1], [2, 3]], {"b"}),
        ("[2,2]<=[2,2]T(1,0)", [[0, 2], [1, 3]], {"a"}),
        ("[1,4]<=[4]", [[0, 1, 2, 3]], {"a", "b"}),
        ("mesh['x'=2,'y'=2] {'x'}", [[0, 2], [1, 3]], {"a"}),
        ("", [[0, 1, 2, 3]], {"a", "b"}),
    ],
)
def test_groups_of_devices(text, groups, axes):
    found = device_groups(text, 4)
    assert found.tolist() == groups
    assert spanned_axes(found, {"a": 2, "b": 2}) == axes


def test_what_is_no_program_is_refused():
    with pytest.raises(ValueError, match="ENTRY"):
        parse("HloModule nothing")


def compiled(function, *shapes):
    return jax.jit(function).lower(*shapes).compile()


def f32(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def convolution(**options):
    def call(x, w):
        return jax.lax.conv_general_dilated(x, w, dimension_numbers=("NHWC", "HWIO", "NHWC"), **options)

    return call


CONVOLUTIONS = {
    "same": (convolution(window_strides=(1, 1), padding="SAME"), f32(2, 9, 8, 6), f32(3, 3, 6, 10)),
    "strided": (convolution(window_strides=(2, 2), padding=[(1, 1), (0, 2)]), f32(2, 9, 8, 6), f32(4, 3, 6, 10)),
    "dilated": (
        convolution(window_strides=(1, 1), padding="SAME", rhs_dilation=(2, 3)),
        f32(2, 9, 8, 6),
        f32(3, 3, 6, 4),
    ),
    "transposed": (
        convolution(window_strides=(1, 1), padding=[(2, 2), (2, 2)], lhs_dilation=(2, 2)),
        f32(2, 5, 5, 6),
        f32(4, 4, 6, 8),
    ),
    "grouped": (
        convolution(window_strides=(1, 1), padding="SAME", feature_group_count=3),
        f32(2, 8, 8, 6),
        f32(3, 3, 2, 9),
    ),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_are_counted_as_xla_does(name):
    from jaxgan.tools.planner import products
    from jaxgan.tools.planner.flops import total

    function, *shapes = CONVOLUTIONS[name]
    executable = compiled(function, *shapes)
    counted = executable.cost_analysis()["flops"]
    assert total(products(jax.jit(function).trace(*shapes).jaxpr)) == counted
    assert hlo.analyse(executable.as_text()).total("flops") == counted


def test_three_times_round_a_loop_is_three_times_the_work():
    def looped(w, x, length):
        return jax.lax.scan(lambda c, _: (jnp.tanh(c @ w), None), x, None, length=length)[0]

    shapes = f32(16, 16), f32(8, 16)
    one, three = (hlo.analyse(compiled(functools.partial(looped, length=n), *shapes).as_text()) for n in (1, 3))
    assert one.total("flops") == 2 * 8 * 16 * 16
    assert three.total("flops") == 3 * one.total("flops")
    assert [count for _, count in three.loops] == [3]


HIDDEN = """HloModule hidden, is_scheduled=true

%begins (p: f32[8]) -> f32[32] {
  %p = f32[8]{0} parameter(0)
  ROOT %g = f32[32]{0} all-gather(%p), channel_id=7, replica_groups=[1,4]<=[4], dimensions={0}
}

%goes_on (q: f32[8]) -> f32[32] {
  %q = f32[8]{0} parameter(0)
  ROOT %h = f32[32]{0} all-gather(%q), channel_id=7, replica_groups=[1,4]<=[4], dimensions={0}
}

ENTRY %main (x: f32[8]) -> f32[32] {
  %x = f32[8]{0} parameter(0)
  %first = f32[32]{0} fusion(%x), kind=kCustom, calls=%begins
  ROOT %second = f32[32]{0} fusion(%x), kind=kCustom, calls=%goes_on
}
"""


def test_a_collective_hidden_behind_two_fusions_is_one():
    found = [collective for cost in hlo.analyse(HIDDEN).costs for collective in cost.collectives]
    assert [(c.kind, c.bytes, c.channel) for c in found] == [("all-gather", 128, "7")]
