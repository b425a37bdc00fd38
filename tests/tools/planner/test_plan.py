"""Plans: what they promise, and what they are made of."""

import dataclasses
import json
import re
from pathlib import Path

import jax
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.parallel import FSDP
from jaxgan.tools import planner
from jaxgan.tools.planner import Collective, compile_program, list_arguments, parse_topology, roofline
from jaxgan.tools.planner.memory import argument_bytes
from jaxgan.tools.planner.page import page
from jaxgan.tools.planner.report import details, summary
from jaxgan.tools.planner.roofline import collective_seconds, mfu
from jaxgan.tools.planner.topology import abstract_mesh, mesh_sizes
from jaxgan.tools.planner.weak import slice_shape, weak_scaling

V5E = planner.hardware("v5e")
DOCS = Path(__file__).parents[3] / "docs" / "planning.md"


@pytest.fixture(scope="module")
def plan(data_parallel, tmp_path_factory):
    """The small program's plan, as if its eight devices were a v5e:2x4."""
    mesh = data_parallel["mesh"]
    work = planner.Work("v5e:2x4", V5E, 8, dict(mesh.shape), 32, 32, 1000, 2.0)
    arguments = list_arguments(data_parallel["step"], data_parallel["shapes"], data_parallel["where"])
    cache = str(tmp_path_factory.mktemp("compiled"))
    with jax.set_mesh(mesh):
        compiled, again = (
            compile_program(data_parallel["lowered"], mesh, name="v5e:2x4", cache_dir=cache) for _ in range(2)
        )
    assert (compiled.reused, again.reused) == (False, True)
    assert dataclasses.replace(again, reused=False) == compiled
    return planner.plan_compiled(work, again, arguments, planner.products(data_parallel["traced"].jaxpr))


def test_a_plan_has_what_is_promised_first_and_is_json(plan):
    table = DOCS.read_text().partition("These keys come first")[2].partition("Then `")[0]
    promised = [key for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)]
    assert list(plan)[: len(promised)] == promised == list(planner.KEYS)
    assert json.loads(json.dumps(plan)) == plan


def test_a_plans_figures_hang_together(plan):
    one = 2 * 32 * 64 * 64  # a product over the whole batch: forward and the weights' gradient
    assert plan["model_flops_per_step"] == 2 * one
    assert plan["flops_per_device"] == 2 * one / 8
    assert plan["collectives"] == {"all-reduce/gradients": {"count": 1, "bytes": 4 * 64 * 64}}
    assert plan["hbm_bytes"]["parameters"] == 4 * 64 * 64
    assert sum(plan["hbm_bytes"].values()) == plan["peak_hbm_bytes"]
    assert plan["step_seconds"] == max(plan["roofline_seconds"].values())
    assert plan["roofline_seconds"][plan["bound_by"]] == plan["step_seconds"]
    assert plan["images_per_second"] == pytest.approx(32 / plan["step_seconds"])
    assert plan["mfu"] == pytest.approx(2 * one / (plan["step_seconds"] * 8 * 197e12))
    hours = 1000 * plan["step_seconds"] / 3600
    assert plan["run"] == pytest.approx({"hours": hours, "chip_hours": 8 * hours, "price": 16 * hours})


def test_a_plan_reads_as_text_and_as_a_page(plan):
    changes = [
        {"change": "2 micro-batches", "flags": ["--config.microbatches.count=2"], "peak_hbm_bytes": 1, "fits": True}
    ]
    shown = summary([plan]) + details(plan | {"fits": False, "changes": changes})
    for word in ("v5e:2x4", "all-reduce/gradients", "--config.microbatches.count=2", "does NOT fit", plan["bound_by"]):
        assert word in shown
    drawn = page([plan], title="a <plan>", scaling=weak_scaling([plan, plan]))
    assert "a &lt;plan&gt;" in drawn and drawn.count("<svg") == drawn.count("</svg>") >= 5
    assert "http" not in drawn.replace("http-equiv", "")  # nothing is loaded from elsewhere


def test_a_collective_among_machines_passes_their_network_cards():
    h100 = planner.hardware("h100")

    def seconds(kind, group):
        return collective_seconds(h100, Collective(kind, 1e9, group, 1), 16)

    assert seconds("all-reduce", 8) == pytest.approx(1e9 * 2 * 7 / 8 / 450e9)
    # Rings share the eight cards of 50 GB/s; a shift and an all-to-all have one each.
    assert seconds("all-reduce", 16) == pytest.approx(1e9 * 2 * 15 / 16 / 400e9)
    assert seconds("all-to-all", 16) == pytest.approx(1e9 * 15 / 16 / 50e9)
    assert seconds("collective-permute", 16) == pytest.approx(1e9 / 50e9)


def test_rooflines_are_bound_by_the_slowest():
    flops, moved = {"bf16": 197e12}, 819e9  # a second each
    assert roofline(V5E, flops=flops, hbm_bytes=moved / 2).bound_by == "compute"
    assert roofline(V5E, flops={"bf16": 1.0}, hbm_bytes=2 * moved)[3:] == (2.0, "memory")
    slow = Collective("all-reduce", 400e9, 128, 1)
    assert roofline(V5E, flops=flops, hbm_bytes=moved, collectives=[slow], devices=128).bound_by == "network"
    assert roofline(V5E, flops={"f32_highest": 197e12}, hbm_bytes=0).compute == pytest.approx(6)
    with pytest.raises(ValueError, match="nothing"):
        roofline(V5E, flops={}, hbm_bytes=0)


def test_collectives_cost_what_rings_send():
    # 4 links of 50 GB/s: an all-reduce among n sends 2 (n - 1) / n of its bytes.
    assert collective_seconds(V5E, Collective("all-reduce", 200e9, 4, 3), 4) == pytest.approx(3 * 1.5)
    assert collective_seconds(V5E, Collective("all-gather", 100e9, 4, 1), 16) == pytest.approx(
        0.75
    )  # one axis: 2 links
    assert collective_seconds(V5E, Collective("collective-permute", 50e9, 2, 1), 4) == pytest.approx(1)
    assert mfu(197e12, 2.0, V5E, 1) == pytest.approx(0.5)


def test_chips_and_cores():
    core = planner.hardware("v3").per_device()
    assert (core.peak_flops["bf16"], core.hbm_bytes, core.devices_per_chip) == (61.5e12, 16 * 2**30, 1)
    assert parse_topology("v3:8x8").devices == 128
    # The clocks that follow from peaks and matrix units are those of the scaling book's chips.
    clocks = {name: chip.clock_hz and round(chip.clock_hz / 1e9, 2) for name, chip in planner.HARDWARE.items()}
    assert {name: clocks[name] for name in ("v3", "v4", "v5e", "v5p")} == {
        "v3": 0.94,
        "v4": 1.05,
        "v5e": 1.5,
        "v5p": 1.75,
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("v9:2x2", "h100:8"),
        ("v5e", "v5e:8x16"),
        ("v5e:2x2x2", "2 axes"),
        ("v4:4x4", "3 axes"),
        ("v5e:32x32", "256 chips"),
        ("h100:2x4", "h100:8"),
        ("v5e:0x2", "at least 1"),
    ],
)
def test_topologies_that_are_none_say_what_is_accepted(name, message):
    with pytest.raises(ValueError, match=message):
        parse_topology(name)


class Refused:
    """A lowered program that the compiler refuses."""

    def __init__(self, message):
        self.message = message

    def compile(self):
        raise jax.errors.JaxRuntimeError(self.message)


def test_a_compiler_that_runs_out_of_memory_says_what_is_needed():
    message = (
        "RESOURCE_EXHAUSTED: E1000: CompileTimeHbmOom: Ran out of memory on HBM, the total memory required for HLO "
        "temporaries (16.70G) exceeds available HBM (15.75G). HLO module: jit_one."
    )
    mesh = abstract_mesh({"data": 1, "fsdp": 1, "spatial": 1})
    found = compile_program(Refused(message), mesh, name="v5e:1", cache_dir=None)
    assert (found.fits, found.temporary_bytes, found.limit_bytes) == (False, round(16.7 * 2**30), round(15.75 * 2**30))
    with pytest.raises(ValueError, match="no such thing"):
        compile_program(Refused("INTERNAL: no such thing"), mesh, name="v5e:1", cache_dir=None)


def test_the_state_is_split_over_devices_that_are_not_there():
    sizes = mesh_sizes({"data": -1, "fsdp": 8, "spatial": 1}, 128)
    assert sizes == {"data": 16, "fsdp": 8, "spatial": 1}
    mesh = abstract_mesh(sizes)
    from jaxgan.parallel import shardings

    kernel = jax.ShapeDtypeStruct((64, 64), "float32")
    state = {"nets": {"g": {"params": {"kernel": kernel}}}, "opt": {"g": {"mu": {"kernel": kernel}}}}
    arguments = list_arguments(lambda state: state, (state,), (shardings(state, FSDP, mesh),))
    assert argument_bytes(arguments) == {"parameters": 64 * 64 * 4 // 8, "optimiser": 64 * 64 * 4 // 8}
    assert arguments[0].name == "state['nets']['g']['params']['kernel']"
    with pytest.raises(ValueError, match="do not multiply"):
        mesh_sizes({"data": 3, "fsdp": 1}, 128)
    assert NamedSharding(mesh, P("fsdp")).shard_shape((64,)) == (8,)


def test_slices_for_weak_scaling():
    assert [slice_shape(n, 2) for n in (8, 64, 128, 256)] == [(2, 4), (8, 8), (8, 16), (16, 16)]
    assert slice_shape(64, 3) == (4, 4, 4)
    with pytest.raises(ValueError, match="powers of two"):
        slice_shape(48, 2)
