"""Pictures of models: a graph in the language of Graphviz, and what its `dot` makes of it."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from pydl._base.args import one_of

_LACKING = 'pictures of models need pydot and Graphviz: pip install "pydl[plot]", and apt install graphviz'


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """The graph of a built model as a `pydot.Dot`; `.to_string()` is its text.

    Parameters
    ----------
    model : Model
    show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable : bool
        What to write into the boxes beside the layers' classes.
    rankdir : "TB", "LR", "BT" or "RL"
        Which way it runs.
    expand_nested : bool
        Whether to draw the layers of models within the model, in a frame.
    dpi : int
    subgraph : bool
        Whether to return a `pydot.Cluster` instead.
    splines : str
        How Graphviz draws lines.

    Raises
    ------
    ImportError
        When pydot is missing.
    """
    pydot = _pydot()
    one_of("model_to_dot", "rankdir", rankdir, ("TB", "LR", "BT", "RL"))
    model._require_built("model_to_dot")
    options = {
        "show_shapes": show_shapes, "show_dtype": show_dtype, "show_layer_names": show_layer_names,
        "show_layer_activations": show_layer_activations, "show_trainable": show_trainable,
    }  # fmt: skip
    if subgraph:
        graph = pydot.Cluster(graph_name=model.name, label=_quoted(model.name))
    else:
        graph = pydot.Dot(graph_type="digraph", rankdir=rankdir, dpi=dpi, splines=splines)
        graph.set_node_defaults(shape="box")
    _draw(pydot, graph, model, "", {}, options, expand_nested)
    return graph


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draw the graph of a model into a file: ``.svg``, ``.png``, ``.pdf`` or ``.dot``, which is its text.

    Takes what `model_to_dot` takes. In a notebook, a picture is returned, to be shown.

    Raises
    ------
    ImportError
        When pydot is missing or, but for ``.dot``, Graphviz with its program `dot`.
    """
    if kwargs:
        raise TypeError(f"plot_model: unknown arguments {sorted(kwargs)}")
    dot = model_to_dot(
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi,
        show_layer_activations=show_layer_activations, show_trainable=show_trainable, splines=splines,
    )  # fmt: skip
    path = Path(to_file)
    kind = path.suffix.removeprefix(".").lower() or "png"
    if kind == "dot":
        path.write_text(dot.to_string(), encoding="utf-8")
        return None
    try:
        dot.write(os.fspath(path), format=kind)
    except FileNotFoundError as error:
        lacking = (
            "plot_model: Graphviz's program `dot` is not there; install it (apt install graphviz, conda install "
            'graphviz, brew install graphviz), or draw the text that to_file="model.dot" gives elsewhere'
        )
        if to_file == "model.png":  # nobody asked for the file: a picture for a notebook, without which it goes on
            warnings.warn(lacking, stacklevel=2)
            return None
        raise ImportError(lacking) from error
    return _shown(path, kind)


def _pydot() -> Any:
    try:
        import pydot
    except ImportError as error:
        raise ImportError(_LACKING) from error
    return pydot


def _draw(
    pydot: Any, graph: Any, model: Any, prefix: str, outer: dict[int, str], options: dict[str, bool], expand: bool
) -> dict[int, str]:
    """Draw a model's layers and lines; gives the node that each tensor comes from. `outer`: those of its inputs."""
    nodes = dict(outer)
    for t in model.inputs:
        if id(t) not in nodes:
            nodes[id(t)] = f"{prefix}{t.name}"
            graph.add_node(pydot.Node(_quoted(nodes[id(t)]), label=_label("Input", t.name, "", [t], None, options)))
    drawn: set[str] = set()
    for call in model.calls:
        layer, name = call.layer, f"{prefix}{call.layer.name}"
        if expand and hasattr(layer, "calls"):
            cluster = pydot.Cluster(graph_name=name, label=_quoted(layer.name))
            given = {id(inner): nodes[id(t)] for inner, t in zip(layer.inputs, call.inputs, strict=True)}
            inside = _draw(pydot, cluster, layer, f"{name}/", given, options, expand)
            graph.add_subgraph(cluster)
            nodes |= {id(t): inside[id(inner)] for t, inner in zip(call.outputs, layer.outputs, strict=True)}
            continue
        if name not in drawn:
            drawn.add(name)
            activation = getattr(getattr(layer, "activation", None), "name", "")
            trained = bool(layer.trainable_weights) if layer.weights else None
            label = _label(type(layer).__name__, layer.name, activation, call.outputs, trained, options)
            graph.add_node(pydot.Node(_quoted(name), label=label))
        for t in call.inputs:
            graph.add_edge(pydot.Edge(_quoted(nodes[id(t)]), _quoted(name)))
        nodes |= {id(t): name for t in call.outputs}
    return nodes


def _label(
    kind: str, name: str, activation: str, outputs: list[Any], trained: bool | None, options: dict[str, bool]
) -> str:
    """What is written into a box: a line for each thing that is asked for."""
    lines = [f"{name} ({kind})" if options["show_layer_names"] else kind]
    if options["show_layer_activations"] and activation:
        lines.append(f"activation: {activation}")
    if options["show_shapes"]:
        lines.append("output shape: " + ", ".join(str(t.shape) for t in outputs))
    if options["show_dtype"]:
        lines.append("output dtype: " + ", ".join(t.dtype for t in outputs))
    if options["show_trainable"] and trained is not None:
        lines.append("trained" if trained else "frozen")
    return _quoted("\\n".join(lines))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _shown(path: Path, kind: str) -> Any:
    """The picture, where a notebook can show it."""
    try:
        from IPython import display
    except ImportError:
        return None
    return (
        display.SVG(os.fspath(path))
        if kind == "svg"
        else display.Image(filename=os.fspath(path))
        if kind == "png"
        else None
    )
