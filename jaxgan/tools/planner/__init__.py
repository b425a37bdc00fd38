"""Planner: memory, FLOPs, traffic and least step time of a program on machines that are not here."""

from jaxgan.tools.planner import hlo, report
from jaxgan.tools.planner.arguments import Argument, list_arguments
from jaxgan.tools.planner.calibrate import local_topology
from jaxgan.tools.planner.compile import Compiled, compile_program, report_of
from jaxgan.tools.planner.estimate import Estimate, estimate
from jaxgan.tools.planner.flops import products
from jaxgan.tools.planner.hardware import HARDWARE, Hardware, hardware
from jaxgan.tools.planner.plan import KEYS, Work, plan_analytic, plan_compiled, plan_without_memory
from jaxgan.tools.planner.roofline import Collective, roofline, summed_cost
from jaxgan.tools.planner.topology import (
    Topology,
    abstract_mesh,
    mesh_sizes,
    parse_topology,
    prepare_environment,
    topology_devices,
)

__all__ = [
    "HARDWARE",
    "KEYS",
    "Argument",
    "Collective",
    "Compiled",
    "Estimate",
    "Hardware",
    "Topology",
    "Work",
    "abstract_mesh",
    "compile_program",
    "estimate",
    "hardware",
    "hlo",
    "list_arguments",
    "local_topology",
    "mesh_sizes",
    "parse_topology",
    "plan_analytic",
    "plan_compiled",
    "plan_without_memory",
    "prepare_environment",
    "products",
    "report",
    "report_of",
    "roofline",
    "summed_cost",
    "topology_devices",
]
