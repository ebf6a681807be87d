"""Reads a Python file by `ast`: what it defines, imports, uses and calls.

Pure; knows one file. What does not parse here is read by its syntax tree elsewhere.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from agentd.conflicts.symbols.digests import digest_lines
from agentd.conflicts.symbols.python_nodes import children, walk
from agentd.conflicts.symbols.python_scopes import arguments, binds, bound_names, global_names
from agentd.conflicts.symbols.python_signatures import (
    call_shape,
    constructor_signature,
    decorator_name,
    function_signature,
)
from agentd.conflicts.symbols.summary import (
    SELF,
    STAR,
    Block,
    Call,
    Definition,
    Import,
    Kind,
    Language,
    Signature,
    Summary,
    Use,
)

_CAUGHT: Final = frozenset(
    [
        "ImportError",
        "ModuleNotFoundError",
        "AttributeError",
        "NameError",
        "TypeError",
        "Exception",
        "BaseException",
    ]
)
"""Exceptions whose handlers provide for what the guard warns of."""
_EXPECTING: Final = frozenset({"raises", "assertRaises", "assertRaisesRegex", "suppress", "warns"})
_CONDITIONS: Final = frozenset(
    [
        "TYPE_CHECKING",
        "version",
        "version_info",
        "PY2",
        "PY3",
        "PYPY",
        "PY",
        "platform",
        "hasattr",
        "six",
        "find_spec",
    ]
)
"""What a condition mentions under which a name may be absent."""


def read_python(text: str) -> Summary | None:
    """Summarises a module; None where this version of Python cannot parse it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, type_comments=False)
        return _Reader(tree, text).summary()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@dataclass(frozen=True, slots=True)
class _Context:
    """Where in the file the reader stands."""

    scopes: tuple[dict[str, bool], ...] = ()
    """Function scopes from the outside in; each name with whether only imports bind it."""
    class_names: frozenset[str] = frozenset()
    """Names of the class body that is being read."""
    qualifier: str = ""
    owner_class: str = ""
    self_name: str = ""
    guarded: bool = False
    conditional: bool = False
    in_function: bool = False
    decorated_self: bool = False


@dataclass(slots=True)
class _Reader:
    tree: ast.Module
    text: str
    lines: list[str] = field(init=False)
    definitions: list[Definition] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    members: set[str] = field(default_factory=set)
    stars: list[str] = field(default_factory=list)
    roots: set[str] = field(init=False)
    dynamic: bool = False
    by_strings: bool = False

    def __post_init__(self) -> None:
        self.lines = self.text.splitlines()
        self.roots = {
            name
            for node in walk(self.tree)
            if isinstance(node, ast.alias | ast.ClassDef)
            for name in binds(node)
        }

    def summary(self) -> Summary:
        context = _Context()
        for statement in self.tree.body:
            self._statement(statement, context)
        bound = global_names(self.tree)
        exports = self._exports()
        return Summary(
            language=Language.PYTHON,
            parsed=True,
            definitions=tuple(self.definitions),
            imports=tuple(self.imports),
            uses=tuple(self.uses),
            calls=tuple(self.calls),
            bound=bound,
            star_names=exports,
            stars=tuple(self.stars),
            dynamic=self.dynamic or "__getattr__" in bound,
            spoken=frozenset(_spoken(self.tree)) if self.by_strings else frozenset(),
            members=frozenset(self.members),
            blocks=tuple(
                Block(first, last, self._digest(first, last))
                for first, last in _top_level_ranges(self.tree)
            ),
        )

    def _digest(self, first: int, last: int) -> str:
        return digest_lines(self.lines[first - 1 : last], "#")

    def _exports(self) -> tuple[str, ...] | None:
        found: tuple[str, ...] | None = None
        for node in self.tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if not any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
                    continue
                names = _strings(node.value)
                if names is None or isinstance(node, ast.AugAssign):
                    self.dynamic = True
                    return None
                found = names
        return found

    # Statements

    def _statement(self, node: ast.stmt, context: _Context) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, context)
            case ast.ClassDef():
                self._class(node, context)
            case ast.Import() | ast.ImportFrom():
                self._import(node, context)
            case ast.If():
                self._expression(node.test, context)
                doubtful = _depends_on_platform(node.test)
                inner = replace(context, conditional=True, guarded=context.guarded or doubtful)
                for each in (*node.body, *node.orelse):
                    self._statement(each, inner)
            case ast.Try() | ast.TryStar():
                self._try(node, context)
            case ast.With() | ast.AsyncWith():
                expecting = False
                for item in node.items:
                    self._expression(item, context)
                    expecting |= (
                        isinstance(item.context_expr, ast.Call)
                        and decorator_name(item.context_expr) in _EXPECTING
                    )
                inner = replace(context, guarded=context.guarded or expecting)
                for each in node.body:
                    self._statement(each, inner)
            case ast.For() | ast.AsyncFor() | ast.While() | ast.Match():
                self._compound(node, replace(context, conditional=True))
            case _:
                self._values(node, context)
                self._expression(node, context)

    def _compound(self, node: ast.AST, context: _Context) -> None:
        for child in children(node):
            if isinstance(child, ast.stmt):
                self._statement(child, context)
            elif isinstance(child, ast.match_case):
                self._compound(child, context)
            else:
                self._expression(child, context)

    def _try(self, node: ast.Try | ast.TryStar, context: _Context) -> None:
        caught = any(_catches(handler) for handler in node.handlers)
        inside = replace(context, conditional=True, guarded=context.guarded or caught)
        for each in (*node.body, *node.orelse):
            self._statement(each, inside)
        for handler in node.handlers:
            if handler.type is not None:
                self._expression(handler.type, context)
            for each in handler.body:
                self._statement(each, inside)
        for each in node.finalbody:
            self._statement(each, context)

    def _values(self, node: ast.stmt, context: _Context) -> None:
        """Records what an assignment on the top level or in a class defines."""
        if context.in_function or not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            return
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            for inner in walk(target):
                for name in binds(inner):
                    self._define(node, Kind.VALUE, name, context, repeatable=True)

    def _define(
        self,
        node: ast.stmt,
        kind: Kind,
        name: str,
        context: _Context,
        *,
        signature: Signature | None = None,
        repeatable: bool = False,
        closed: bool = False,
    ) -> None:
        last = node.end_lineno or node.lineno
        mentions: frozenset[str] = frozenset()
        if kind is not Kind.VALUE and kind is not Kind.CLASS:
            mentions = frozenset(_mentions(node))
        self.definitions.append(
            Definition(
                name=f"{context.qualifier}{name}",
                kind=kind,
                line=node.lineno,
                end_line=last,
                digest=self._digest(node.lineno, last),
                signature=signature,
                repeatable=repeatable or context.conditional,
                closed=closed,
                mentions=mentions,
            )
        )

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, context: _Context) -> None:
        names = [decorator_name(each) for each in node.decorator_list]
        in_class = bool(context.owner_class) and not context.in_function
        static = in_class and ("staticmethod" in names or "classmethod" in names)
        kind = Kind.STATIC if static else Kind.METHOD if in_class else Kind.FUNCTION
        if not context.in_function:
            self._define(
                node,
                kind,
                node.name,
                context,
                signature=function_signature(node, kind),
                repeatable=node.name == "_" or _makes_second_fine(node.decorator_list),
            )
        for expression in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if expression is not None:
                self._expression(expression, context)
        for annotation in _annotations(node):
            self._expression(annotation, replace(context, guarded=True))
        parameters = arguments(node)
        self_name, owner = context.self_name, context.owner_class
        if in_class:
            self_name = parameters[0] if parameters and "staticmethod" not in names else ""
        inner = replace(
            context,
            scopes=(*context.scopes, bound_names(node)),
            class_names=frozenset(),
            self_name="" if not in_class and self_name in parameters else self_name,
            owner_class=owner,
            in_function=True,
            conditional=False,
            guarded=context.guarded or any(name in _EXPECTING for name in names),
        )
        for statement in node.body:
            self._statement(statement, inner)

    def _class(self, node: ast.ClassDef, context: _Context) -> None:
        if not context.in_function:
            self._define(
                node,
                Kind.CLASS,
                node.name,
                context,
                signature=constructor_signature(node),
                closed=_is_closed(node),
                repeatable=bool(node.decorator_list) and _makes_second_fine(node.decorator_list),
            )
            self._instance_values(node, context)
        for expression in (*node.decorator_list, *node.bases, *node.keywords):
            self._expression(expression, context)
        inner = replace(
            context,
            class_names=frozenset(bound_names(node)),
            qualifier=f"{context.qualifier}{node.name}.",
            owner_class="" if context.in_function else f"{context.qualifier}{node.name}",
            self_name="",
            conditional=False,
        )
        for statement in node.body:
            self._statement(statement, inner)

    def _instance_values(self, node: ast.ClassDef, context: _Context) -> None:
        """Records the attributes that methods set on `self`."""
        seen: set[str] = set()
        for method in node.body:
            parameters = arguments(method)
            if not parameters:
                continue
            for inner in walk(method):
                if (
                    isinstance(inner, ast.Attribute)
                    and isinstance(inner.ctx, ast.Store)
                    and isinstance(inner.value, ast.Name)
                    and inner.value.id == parameters[0]
                    and inner.attr not in seen
                ):
                    seen.add(inner.attr)
                    self.definitions.append(
                        Definition(
                            name=f"{context.qualifier}{node.name}.{inner.attr}",
                            kind=Kind.VALUE,
                            line=inner.lineno,
                            end_line=inner.lineno,
                            digest="",
                            repeatable=True,
                        )
                    )

    def _import(self, node: ast.Import | ast.ImportFrom, context: _Context) -> None:
        module = ""
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if module == "__future__":
                return
        for alias in node.names:
            if isinstance(node, ast.Import):
                local = alias.asname or alias.name.partition(".")[0]
                # `import a.b` binds a, and what is used as a.b is found through it.
                self.imports.append(Import(alias.name, None, local, node.lineno, context.guarded))
            elif alias.name == "*":
                self.imports.append(Import(module, STAR, "", node.lineno, context.guarded))
                self.stars.append(module)
            else:
                local = alias.asname or alias.name
                self.imports.append(Import(module, alias.name, local, node.lineno, context.guarded))

    # Expressions

    def _expression(self, node: ast.AST, context: _Context) -> None:
        match node:
            case ast.Name(ctx=ast.Load()):
                if self._is_global(node.id, context) or self._import_local(node.id, context):
                    self.uses.append(Use("", node.id, node.lineno, context.guarded))
            case ast.Attribute():
                self._attribute(node, context)
            case ast.Call():
                self._call(node, context)
            case ast.Lambda():
                for default in (*node.args.defaults, *node.args.kw_defaults):
                    if default is not None:
                        self._expression(default, context)
                inner = replace(
                    context,
                    scopes=(*context.scopes, bound_names(node)),
                    class_names=frozenset(),
                    self_name="" if context.self_name in arguments(node) else context.self_name,
                )
                self._expression(node.body, inner)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                targets = {
                    name: False
                    for generator in node.generators
                    for inner_node in walk(generator.target)
                    for name in binds(inner_node)
                }
                inner = replace(context, scopes=(*context.scopes, targets))
                for child in children(node):
                    self._expression(child, inner)
            case ast.AnnAssign():
                self._expression(node.annotation, replace(context, guarded=True))
                self._expression(node.target, context)
                if node.value is not None:
                    self._expression(node.value, context)
            case ast.stmt() if isinstance(
                node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            ):
                self._statement(node, context)
            case ast.IfExp():
                guarded = context.guarded or _depends_on_platform(node.test)
                inner = replace(context, guarded=guarded)
                for child in children(node):
                    self._expression(child, inner)
            case _:
                for child in children(node):
                    self._expression(child, context)

    def _is_global(self, name: str, context: _Context) -> bool:
        return name not in context.class_names and not any(
            name in scope for scope in context.scopes
        )

    def _import_local(self, name: str, context: _Context) -> bool:
        """Whether a name of a function is one that it imports, and nothing else."""
        for scope in reversed(context.scopes):
            if name in scope:
                return scope[name]
        return False

    def _chain(self, node: ast.expr, context: _Context) -> str | None:
        """The dotted name of an expression that can be found: from an import, a class or self."""
        match node:
            case ast.Name(id=name):
                if name == context.self_name and name and not self._shadowed(name, context):
                    return f"{SELF}{context.owner_class}"
                if name in self.roots and (
                    self._is_global(name, context) or self._import_local(name, context)
                ):
                    return name
            case ast.Attribute(value=value, attr=attr):
                prefix = self._chain(value, context)
                if prefix is not None and not prefix.startswith(SELF):
                    return f"{prefix}.{attr}"
        return None

    def _shadowed(self, name: str, context: _Context) -> bool:
        """Whether a function inside the method has its own `self`."""
        return sum(name in scope for scope in context.scopes) > 1

    def _attribute(self, node: ast.Attribute, context: _Context) -> None:
        self.members.add(node.attr)
        owner = self._chain(node.value, context)
        if owner is not None and isinstance(node.ctx, ast.Load):
            self.uses.append(Use(owner, node.attr, node.lineno, context.guarded))
        if (
            isinstance(node.value, ast.Attribute)
            and node.value.attr == "modules"
            and isinstance(node.value.value, ast.Name)
            and node.value.value.id == "sys"
        ):
            self.dynamic = True
        self._expression(node.value, context)

    def _call(self, node: ast.Call, context: _Context) -> None:
        shape = call_shape(node)
        match node.func:
            case ast.Name(id=name):
                if self._is_global(name, context) or self._import_local(name, context):
                    self.calls.append(Call("", name, shape, node.lineno, context.guarded))
                    self.dynamic |= name in ("exec", "execfile") and not context.in_function
                    self.by_strings |= name in ("globals", "vars", "locals", "exec", "execfile")
            case ast.Attribute(value=value, attr=attr):
                owner = self._chain(value, context)
                if owner is not None:
                    self.calls.append(Call(owner, attr, shape, node.lineno, context.guarded))
        for child in children(node):
            self._expression(child, context)


def _top_level_ranges(tree: ast.Module) -> Iterator[tuple[int, int]]:
    for statement in tree.body:
        first = statement.lineno
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([first, *(each.lineno for each in statement.decorator_list)])
        yield first, statement.end_lineno or statement.lineno


def _mentions(node: ast.AST) -> Iterator[str]:
    for inner in walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr


def _spoken(tree: ast.Module) -> Iterator[str]:
    """The words in a file's strings that could be names."""
    for node in walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (word for word in node.value.split() if word.isidentifier())


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    spec = node.args
    every = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
    for argument in every:
        if argument is not None and argument.annotation is not None:
            yield argument.annotation
    if node.returns is not None:
        yield node.returns


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(
        decorator_name(node) in _CAUGHT
        for node in walk(handler.type)
        if isinstance(node, ast.Name | ast.Attribute)
    )


def _depends_on_platform(test: ast.expr) -> bool:
    """Whether a condition asks what there is, so that a name may be absent under it."""
    for name in _mentions(test):
        if name in _CONDITIONS or name.startswith(("HAS_", "HAVE_", "has_", "IS_PY")):
            return True
    return False


def _makes_second_fine(decorators: Sequence[ast.expr]) -> bool:
    """Whether decorators make another definition of the same name no mistake."""
    for node in decorators:
        name = decorator_name(node)
        if name in ("overload", "setter", "getter", "deleter", "register", "_", "implements"):
            return True
        inner = node.func if isinstance(node, ast.Call) else node
        if isinstance(inner, ast.Attribute) and isinstance(node, ast.Call):
            return True  # `@app.route("/")` keeps the function elsewhere, under no name.
    return False


def _is_closed(node: ast.ClassDef) -> bool:
    """Whether a class has no members but those in its text."""
    if node.keywords or node.decorator_list:
        return False
    if any(decorator_name(base) != "object" for base in node.bases):
        return False
    for each in walk(node):
        if isinstance(each, ast.FunctionDef) and each.name in ("__getattr__", "__getattribute__"):
            return False
        if isinstance(each, ast.Call) and decorator_name(each) in ("setattr", "update", "vars"):
            return False
        if isinstance(each, ast.Attribute) and each.attr == "__dict__":
            return False
    return not any(_is_doubtful_statement(each) for each in node.body)


def _is_doubtful_statement(node: ast.stmt) -> bool:
    return isinstance(node, ast.If | ast.Try | ast.For | ast.With | ast.Expr) and not (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _strings(node: ast.expr | None) -> tuple[str, ...] | None:
    """The strings of a list or tuple display; None where it is anything else."""
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    values = []
    for each in node.elts:
        if not isinstance(each, ast.Constant) or not isinstance(each.value, str):
            return None
        values.append(each.value)
    return tuple(values)
