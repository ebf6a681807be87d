"""What the expressions of a Python file use and call, seen from where they stand.

Pure; knows one file, and of its statements only which scopes they open.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agentd.conflicts.symbols.python_facts import depends_on_platform
from agentd.conflicts.symbols.python_instances import instance_names
from agentd.conflicts.symbols.python_nodes import children, walk
from agentd.conflicts.symbols.python_scopes import arguments, binds, bound_names
from agentd.conflicts.symbols.python_signatures import call_shape
from agentd.conflicts.symbols.summary import INSTANCE, SELF, SUPER, Call, Use, is_instance


@dataclass(frozen=True, slots=True)
class Context:
    """Where in the file the reader stands."""

    scopes: tuple[dict[str, bool], ...] = ()
    """Function scopes from the outside in; each name with whether only imports bind it."""
    instances: tuple[Mapping[str, str], ...] = ({},)
    """The names that stand for an instance of one class: of the module, then of each scope."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """The attributes of `self` that do."""
    class_names: frozenset[str] = frozenset()
    """Names of the class body that is being read."""
    qualifier: str = ""
    owner_class: str = ""
    self_name: str = ""
    guarded: bool = False
    conditional: bool = False
    in_function: bool = False


@dataclass(slots=True)
class ExpressionReader:
    """Gathers what expressions use and call."""

    tree: ast.Module
    roots: set[str]
    """The names that imports and classes bind anywhere in the file."""
    uses: list[Use] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    members: set[str] = field(default_factory=set)
    assigned: set[str] = field(default_factory=set)
    dynamic: bool = False
    annotations_count: bool = False
    """Whether annotations are evaluated, so that a name in them must exist."""
    by_strings: bool = False
    """Whether names are bound by strings."""

    def expression(self, node: ast.AST, context: Context) -> None:
        """Reads an expression, or what of a statement is evaluated where it stands."""
        match node:
            case ast.Name(ctx=ast.Load()):
                if self._is_global(node.id, context) or self._import_local(node.id, context):
                    self.uses.append(Use("", node.id, (node.lineno,), context.guarded))
            case ast.Attribute():
                self._attribute(node, context)
            case ast.Call():
                self._call(node, context)
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="sys"), attr="modules")):
                self.dynamic |= _puts_modules(node, context)
                self.expression(node.slice, context)
            case ast.Subscript(value=ast.Call(func=ast.Name(id="globals"))):
                # A name in a variable is one of the strings; one that is put together is not.
                plain = isinstance(node.slice, ast.Name | ast.Constant)
                self.dynamic |= isinstance(node.ctx, ast.Store) and not plain
                self.expression(node.value, context)
                self.expression(node.slice, context)
            case ast.Lambda():
                for default in (*node.args.defaults, *node.args.kw_defaults):
                    if default is not None:
                        self.expression(default, context)
                inner = replace(
                    context,
                    scopes=(*context.scopes, bound_names(node)),
                    instances=(*context.instances, instance_names(node)),
                    class_names=frozenset(),
                    self_name="" if context.self_name in arguments(node) else context.self_name,
                )
                self.expression(node.body, inner)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                targets = {
                    name: False
                    for generator in node.generators
                    for inner_node in walk(generator.target)
                    for name in binds(inner_node)
                }
                inner = replace(
                    context,
                    scopes=(*context.scopes, targets),
                    instances=(*context.instances, {}),
                )
                for child in children(node):
                    self.expression(child, inner)
            case ast.AnnAssign():
                evaluated = self.annotations_count and not context.in_function
                guarded = context.guarded or not evaluated
                self.expression(node.annotation, replace(context, guarded=guarded))
                self.expression(node.target, context)
                if node.value is not None:
                    self.expression(node.value, context)
            case ast.IfExp():
                guarded = context.guarded or depends_on_platform(node.test)
                inner = replace(context, guarded=guarded)
                for child in children(node):
                    self.expression(child, inner)
            case _:
                for child in children(node):
                    self.expression(child, context)

    def _is_global(self, name: str, context: Context) -> bool:
        return name not in context.class_names and not any(
            name in scope for scope in context.scopes
        )

    def _import_local(self, name: str, context: Context) -> bool:
        """Whether a name of a function is one that it imports, and nothing else."""
        for scope in reversed(context.scopes):
            if name in scope:
                return scope[name]
        return False

    def _chain(self, node: ast.expr, context: Context) -> str | None:
        """The dotted name of an expression that can be found: from an import, a class or self."""
        match node:
            case ast.Name(id=name):
                if name == context.self_name and name and not self._shadowed(name, context):
                    return f"{SELF}{context.owner_class}"
                if name in self.roots and (
                    self._is_global(name, context) or self._import_local(name, context)
                ):
                    return name
                kind = self._instance(name, context)
                return f"{INSTANCE}{kind}" if kind else None
            case ast.Attribute(value=value, attr=attr):
                prefix = self._chain(value, context)
                if prefix is not None and prefix.startswith(SELF):
                    kind = context.attributes.get(attr, "")
                    return f"{INSTANCE}{kind}" if self._is_reachable(kind, context) else None
                if prefix is not None and not is_instance(prefix):
                    return f"{prefix}.{attr}"
            case ast.Call(func=ast.Name(id="super"), args=[]) if context.self_name:
                return f"{SUPER}{context.owner_class}"
            case ast.Call(func=function):
                prefix = self._chain(function, context)
                if prefix is not None and not is_instance(prefix):
                    return f"{INSTANCE}{prefix}"
        return None

    def _instance(self, name: str, context: Context) -> str:
        """The class that a name stands for an instance of; empty where nobody can say."""
        kind = ""
        if name not in context.class_names:
            for index in range(len(context.scopes), -1, -1):
                if index == 0 or name in context.scopes[index - 1]:
                    kind = context.instances[index].get(name, "")
                    break
        return kind if self._is_reachable(kind, context) else ""

    def _is_reachable(self, kind: str, context: Context) -> bool:
        """Whether a class's name means here what the file's imports and classes make it."""
        root = kind.partition(".")[0]
        return root in self.roots and (
            self._is_global(root, context) or self._import_local(root, context)
        )

    def _shadowed(self, name: str, context: Context) -> bool:
        """Whether a function inside the method has its own `self`."""
        return sum(name in scope for scope in context.scopes) > 1

    def _attribute(self, node: ast.Attribute, context: Context) -> None:
        self.members.add(node.attr)
        owner = self._chain(node.value, context)
        if owner is not None and isinstance(node.ctx, ast.Load):
            self.uses.append(Use(owner, node.attr, (node.lineno,), context.guarded))
        if not isinstance(node.ctx, ast.Load) and not (owner or "").startswith(SELF):
            self.assigned.add(node.attr)
        if (
            isinstance(node.value, ast.Attribute)
            and node.value.attr == "modules"
            and isinstance(node.value.value, ast.Name)
            and node.value.value.id == "sys"
        ):
            self.dynamic = True
        self.expression(node.value, context)

    def _call(self, node: ast.Call, context: Context) -> None:
        shape = call_shape(node)
        match node.func:
            case ast.Name(id=name):
                if self._is_global(name, context) or self._import_local(name, context):
                    self.calls.append(Call("", name, shape, (node.lineno,), context.guarded))
                    self.dynamic |= name in ("exec", "execfile") and not context.in_function
                    self.by_strings |= name in ("globals", "vars", "locals", "exec", "execfile")
                    self.dynamic |= name == "setattr" and _is_own_module(node.args[:1])
            case ast.Attribute(value=value, attr=attr):
                self.dynamic |= attr == "update" and _is_namespace(value, context)
                owner = self._chain(value, context)
                if owner is not None:
                    self.calls.append(Call(owner, attr, shape, (node.lineno,), context.guarded))
        for child in children(node):
            self.expression(child, context)


def _puts_modules(node: ast.Subscript, context: Context) -> bool:
    """Whether a module may put something in its own place, or a package inside itself.

    What a function puts in place is another one.
    """
    own = isinstance(node.slice, ast.Name) and node.slice.id == "__name__"
    return isinstance(node.ctx, ast.Store) and (own or not context.in_function)


def _is_namespace(node: ast.expr, context: Context) -> bool:
    """Whether an expression is the module's own names, into which anything may be put."""
    match node:
        case ast.Call(func=ast.Name(id="globals"), args=[]):
            return True
        case ast.Call(func=ast.Name(id="locals" | "vars"), args=[]):
            return not context.in_function and not context.qualifier
    return False


def _is_own_module(nodes: list[ast.expr]) -> bool:
    """Whether the first of some expressions is the module itself, by its name."""
    match nodes:
        case [ast.Subscript(value=ast.Attribute(attr="modules"), slice=ast.Name(id="__name__"))]:
            return True
    return False
