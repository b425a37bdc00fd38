"""Name stacks are read as JAX and Flax write them."""

import pytest

from jaxgan.tools.planner.names import cause_of, kind_of, parse_name, pass_of

STEP = "jit(one)/while/body/closed_call"


@pytest.mark.parametrize(
    ("op_name", "layer", "which"),
    [
        (f"{STEP}/jvp(Discriminator)/block_0/conv_1/conv_general_dilated", "Discriminator/block_0/conv_1", "forward"),
        (f"{STEP}/transpose(jvp(Generator))/norm/reduce_sum", "Generator/norm", "backward"),
        (f"{STEP}/Generator/block_0/jit(relu)/max", "Generator/block_0", "forward"),
        ("jit(one)/jit(_threefry_split)/Adversarial.step/add", "Adversarial.step", "forward"),
        (
            "jit(one)/transpose(jvp(D))/jvp(D)/checkpoint/rematted_computation/block_1/dot_general",
            "D/block_1",
            "recomputed",
        ),
        ("jit(one)/mul", "", "outside layers"),
        ("", "", "outside layers"),
    ],
)
def test_layers_and_passes(op_name, layer, which):
    assert parse_name(op_name).layer == layer
    assert pass_of(op_name) == which


@pytest.mark.parametrize(
    ("kind", "op_name", "cause"),
    [
        ("all-reduce", f"{STEP}/Generator/block_0/norm_0/norm/reduce_sum", "statistics"),
        ("all-reduce", f"{STEP}/transpose(jvp(Generator))/norm/reduce_sum", "statistics"),
        ("all-reduce", f"{STEP}/transpose(jvp(Generator))/block_0/norm_0/gain/dot_general", "gradients"),
        ("all-reduce", f"{STEP}/reduce_sum", "losses and norms"),
        ("all-gather", f"{STEP}/jvp()/sharding_constraint", "weights gathered"),
        ("all-gather", f"{STEP}/jvp(Generator)/block_0/conv_0/conv_0.param/div", "weights gathered"),
        ("all-gather", f"{STEP}/jvp(Generator)/block_0/conv_0/conv_general_dilated", "activations gathered"),
        ("reduce-scatter", "", "gradients"),
        ("collective-permute", "", "halos and shifts"),
    ],
)
def test_causes_of_collectives(kind, op_name, cause):
    assert cause_of(kind, op_name) == cause


def test_kinds_of_work():
    assert kind_of("jit(one)/jvp(Generator)/seed/seed.param/div") == "weight normalisation"
    assert kind_of("jit(one)/jvp(Generator)/block_0/norm_0/norm/mul") == "normalisation"
    assert kind_of("jit(one)/jvp(Generator)/block_0/norm_0/gain/dot_general") == "matrix products"
    assert kind_of("jit(one)/mul").startswith("outside layers")
