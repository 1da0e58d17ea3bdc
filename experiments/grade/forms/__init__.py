"""What people write a forward and a backward as: one module for each form.

A form's docstring is what `--forms` prints of it; its `pieces(found)` yields what it recognises among the definitions
of a file. The order counts: what one form claims, those after it are not offered.
"""

import ast
from pathlib import Path
from types import ModuleType

from experiments.grade.forms import derivatives, scalars
from experiments.grade.forms.autograd import functions as autograd_functions
from experiments.grade.forms.autograd import kept_on_tensors, modules, tensors
from experiments.grade.forms.columns import array_rules, propagate
from experiments.grade.forms.columns import layers as column_layers
from experiments.grade.forms.columns import networks as column_networks
from experiments.grade.forms.columns import rules as column_rules
from experiments.grade.forms.contract import classes, functions, network
from experiments.grade.forms.costs import cost_alone, cost_and_delta, gradient_alone
from experiments.grade.forms.course import layers, losses, nets, rules
from experiments.grade.forms.graphs import nodes, variables
from experiments.grade.forms.loops import function as training_function
from experiments.grade.forms.loops import script, straight
from experiments.grade.forms.module import network as module_network
from experiments.grade.forms.module import policy, recurrent
from experiments.grade.forms.stateful import layers as stateful_layers
from experiments.grade.forms.stateful import losses as stateful_losses
from experiments.grade.forms.stateful import optimizers as stateful_optimizers
from experiments.grade.forms.stateful import pairs
from experiments.grade.forms.whole import (
    dicts,
    flat,
    forward_backward,
    lists,
    loss_class,
    network_class,
    updates,
)

FORMS: tuple[ModuleType, ...] = (
    autograd_functions, modules, tensors, kept_on_tensors,
    recurrent, policy, flat, nets, loss_class, losses, rules,
    column_networks, column_layers, column_rules, array_rules, propagate,
    layers, scalars,
    stateful_optimizers, nodes, variables, pairs, stateful_layers,
    network_class, module_network,
    forward_backward, dicts, lists, updates, script, straight, stateful_losses, cost_and_delta, classes, network,
    functions,
    derivatives, training_function, gradient_alone, cost_alone,
)  # fmt: skip


def named() -> dict[str, ModuleType]:
    """The forms by the names of their rooms and files, as course-layers, which a file may say that it has."""
    return {form.__name__.partition(".forms.")[2].replace(".", "-").replace("_", "-"): form for form in FORMS}


def listed() -> str:
    """Every form, its name and the words of its docstring, as the file has it: Python may have left it out."""
    texts = {name: Path(str(form.__file__)).read_text("utf-8") for name, form in named().items()}
    return "\n".join(f"{name}\n{ast.get_docstring(ast.parse(text))}\n" for name, text in texts.items())
