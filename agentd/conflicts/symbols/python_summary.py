"""Reads a Python file by `ast`: what it defines, imports, uses and calls.

Pure; knows one file. What does not parse here is read by its syntax tree elsewhere.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, field, replace
from typing import Final

from agentd.conflicts.symbols.digests import LineDigests
from agentd.conflicts.symbols.python_expressions import Context, ExpressionReader
from agentd.conflicts.symbols.python_facts import (
    annotations_of,
    catches,
    changes_exports,
    defers_annotations,
    depends_on_platform,
    filled_classes,
    is_closed,
    makes_second_fine,
    may_be_rebound,
    mentions,
    spoken,
    strings,
    top_level_ranges,
)
from agentd.conflicts.symbols.python_instances import attribute_kinds, dotted, instance_names
from agentd.conflicts.symbols.python_nodes import children, walk
from agentd.conflicts.symbols.python_scopes import arguments, binds, bound_names, global_names
from agentd.conflicts.symbols.python_signatures import (
    constructor_signature,
    decorator_name,
    function_signature,
)
from agentd.conflicts.symbols.summary import (
    STAR,
    Block,
    Definition,
    Import,
    Kind,
    Language,
    Signature,
    Summary,
    calls_once,
    uses_once,
)

_ROOTS: Final = frozenset((ast.alias, ast.ClassDef))
_EXPECTING: Final = frozenset({"raises", "assertRaises", "assertRaisesRegex", "suppress", "warns"})


def read_python(text: str) -> Summary | None:
    """Summarises a module; None where this version of Python cannot parse it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, type_comments=False)
        return _Reader(tree, _roots(tree), text=text, filled=filled_classes(tree)).summary()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def compiles(text: str) -> bool:
    """Whether a module is free of what only the compiler refuses, such as a parameter twice."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<file>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


@dataclass(slots=True)
class _Reader(ExpressionReader):
    text: str = ""
    filled: frozenset[str] = frozenset()
    digests: LineDigests = field(init=False)
    definitions: list[Definition] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.digests = LineDigests(self.text.splitlines(), "#")

    def summary(self) -> Summary:
        context = Context(instances=(instance_names(self.tree),))
        self.annotations_count = not defers_annotations(self.tree)
        for statement in self.tree.body:
            self._statement(statement, context)
        bound = global_names(self.tree)
        exports = self._exports()
        return Summary(
            language=Language.PYTHON,
            parsed=True,
            definitions=tuple(self.definitions),
            imports=tuple(self.imports),
            uses=uses_once(self.uses),
            calls=calls_once(self.calls),
            bound=bound,
            star_names=exports,
            stars=tuple(self.stars),
            dynamic=self.dynamic or "__getattr__" in bound,
            spoken=frozenset(spoken(self.tree)) if self.by_strings else frozenset(),
            members=frozenset(self.members),
            assigned=frozenset(self.assigned),
            blocks=tuple(
                Block(first, last, self.digests.of(first, last))
                for first, last in top_level_ranges(self.tree)
            ),
        )

    def _exports(self) -> tuple[str, ...] | None:
        found: tuple[str, ...] | None = None
        for node in self.tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if not any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
                    continue
                names = strings(node.value)
                if names is None or isinstance(node, ast.AugAssign):
                    self.dynamic = True
                    return None
                found = names
        if found is not None and changes_exports(self.tree):
            self.dynamic = True
            return None
        return found

    # Statements

    def _statement(self, node: ast.stmt, context: Context) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, context)
            case ast.ClassDef():
                self._class(node, context)
            case ast.Import() | ast.ImportFrom():
                self._import(node, context)
            case ast.If():
                self.expression(node.test, context)
                doubtful = depends_on_platform(node.test)
                inner = replace(context, conditional=True, guarded=context.guarded or doubtful)
                for each in (*node.body, *node.orelse):
                    self._statement(each, inner)
            case ast.Try() | ast.TryStar():
                self._try(node, context)
            case ast.With() | ast.AsyncWith():
                expecting = False
                for item in node.items:
                    self.expression(item, context)
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
                self.expression(node, context)

    def _compound(self, node: ast.AST, context: Context) -> None:
        for child in children(node):
            if isinstance(child, ast.stmt):
                self._statement(child, context)
            elif isinstance(child, ast.match_case):
                self._compound(child, context)
            else:
                self.expression(child, context)

    def _try(self, node: ast.Try | ast.TryStar, context: Context) -> None:
        caught = any(catches(handler) for handler in node.handlers)
        inside = replace(context, conditional=True, guarded=context.guarded or caught)
        for each in (*node.body, *node.orelse):
            self._statement(each, inside)
        for handler in node.handlers:
            if handler.type is not None:
                self.expression(handler.type, context)
            for each in handler.body:
                self._statement(each, inside)
        for each in node.finalbody:
            self._statement(each, context)

    def _values(self, node: ast.stmt, context: Context) -> None:
        """Records what an assignment on the top level or in a class defines."""
        if context.in_function or not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            return
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            for inner in walk(target):
                for name in binds(inner):
                    again = inner is not target or may_be_rebound(node, name)
                    self._define(node, Kind.VALUE, name, context, repeatable=again)

    def _define(
        self,
        node: ast.stmt,
        kind: Kind,
        name: str,
        context: Context,
        *,
        signature: Signature | None = None,
        repeatable: bool = False,
        closed: bool = False,
        bases: tuple[str, ...] = (),
        returns: str = "",
    ) -> None:
        last = node.end_lineno or node.lineno
        has_body = kind not in (Kind.VALUE, Kind.CLASS)
        self.definitions.append(
            Definition(
                name=f"{context.qualifier}{name}",
                kind=kind,
                line=node.lineno,
                end_line=last,
                digest=self.digests.of(node.lineno, last),
                signature=signature,
                repeatable=repeatable or context.conditional,
                closed=closed,
                bases=bases,
                returns=returns,
                mentions=frozenset(mentions(node)) if has_body else frozenset(),
            )
        )

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, context: Context) -> None:
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
                repeatable=node.name == "_" or makes_second_fine(node.decorator_list),
            )
        for expression in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if expression is not None:
                self.expression(expression, context)
        for annotation in annotations_of(node):
            guarded = context.guarded or not self.annotations_count
            self.expression(annotation, replace(context, guarded=guarded))
        parameters = arguments(node)
        self_name, owner = context.self_name, context.owner_class
        if in_class:
            self_name = parameters[0] if parameters and "staticmethod" not in names else ""
        inner = replace(
            context,
            scopes=(*context.scopes, bound_names(node)),
            instances=(*context.instances, instance_names(node)),
            class_names=frozenset(),
            self_name="" if not in_class and self_name in parameters else self_name,
            owner_class=owner,
            in_function=True,
            conditional=False,
            guarded=context.guarded or any(name in _EXPECTING for name in names),
        )
        for statement in node.body:
            self._statement(statement, inner)

    def _class(self, node: ast.ClassDef, context: Context) -> None:
        if not context.in_function:
            self._define(
                node,
                Kind.CLASS,
                node.name,
                context,
                signature=constructor_signature(node),
                closed=is_closed(node) and node.name not in self.filled,
                bases=tuple(dotted(_origin(base)) or "?" for base in node.bases),
                repeatable=bool(node.decorator_list) and makes_second_fine(node.decorator_list),
            )
            self._instance_values(node, context)
        for expression in (*node.decorator_list, *node.bases, *node.keywords):
            self.expression(expression, context)
        inner = replace(
            context,
            class_names=frozenset(bound_names(node)),
            qualifier=f"{context.qualifier}{node.name}.",
            owner_class="" if context.in_function else f"{context.qualifier}{node.name}",
            attributes=attribute_kinds(node),
            self_name="",
            conditional=False,
        )
        for statement in node.body:
            self._statement(statement, inner)

    def _instance_values(self, node: ast.ClassDef, context: Context) -> None:
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

    def _import(self, node: ast.Import | ast.ImportFrom, context: Context) -> None:
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


def _origin(base: ast.expr) -> ast.expr:
    """The class itself of `Base[int]`."""
    return base.value if isinstance(base, ast.Subscript) else base


def _roots(tree: ast.Module) -> set[str]:
    """The names that imports and classes bind anywhere in a file."""
    return {name for node in walk(tree) if type(node) in _ROOTS for name in binds(node)}
