"""What a program would do on machines that are not here: memory, arithmetic, traffic, and the least time."""

from jaxgan.planner import hlo, report
from jaxgan.planner.arguments import list_arguments
from jaxgan.planner.compile import Compiled, compile_program
from jaxgan.planner.flops import products
from jaxgan.planner.hardware import HARDWARE, Hardware, hardware
from jaxgan.planner.plan import KEYS, Work, plan_compiled
from jaxgan.planner.topology import Topology, parse_topology, prepare_environment, topology_devices

__all__ = [
    "HARDWARE",
    "KEYS",
    "Compiled",
    "Hardware",
    "Topology",
    "Work",
    "compile_program",
    "hardware",
    "hlo",
    "list_arguments",
    "parse_topology",
    "plan_compiled",
    "prepare_environment",
    "products",
    "report",
    "topology_devices",
]
