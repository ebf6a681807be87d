"""What a file of JavaScript or TypeScript imports and exports.

Pure; knows one file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tree_sitter import Node

from agentd.conflicts.symbols.javascript_nodes import function_signature, member_parts, string_value
from agentd.conflicts.symbols.summary import Import, Kind, Language
from agentd.conflicts.symbols.syntax import Context, SyntaxReader, line_of, text


@dataclass(slots=True)
class ModuleReader(SyntaxReader):
    """Gathers imports and exports."""

    def read_import(self, node: Node, context: Context) -> None:
        module = string_value(node.child_by_field_name("source"))
        of_types = any(child.type == "type" for child in node.children)
        guarded = of_types and self.language is Language.JAVASCRIPT
        context = replace(context, guarded=context.guarded or guarded)
        if not any(child.type.startswith("import_") for child in node.named_children):
            self._take_whole(node, module, context)
        for child in node.named_children:
            if child.type == "import_clause":
                self._import_clause(node, child, module, context)
            elif child.type == "import_require_clause":
                name = text(child.named_children[0])
                source = string_value(child.child_by_field_name("source"))
                self.take_in(node, source, None, name, context)

    def _import_clause(self, node: Node, clause: Node, module: str, context: Context) -> None:
        for child in clause.named_children:
            if child.type == "identifier":
                self.take_in(node, module, "default", text(child), context)
            elif child.type == "namespace_import":
                self.take_in(node, module, None, text(child.named_children[0]), context)
            elif child.type == "named_imports":
                for each in child.named_children:
                    if each.type != "import_specifier":
                        continue
                    name = string_value(each.child_by_field_name("name"))
                    alias = each.child_by_field_name("alias")
                    self.take_in(each, module, name, text(alias) if alias else name, context)

    def _take_whole(self, node: Node, module: str, context: Context) -> None:
        """A module that is needed, though no name of it is taken here."""
        self.imports.append(Import(module, None, "", line_of(node), context.guarded))

    def take_in(
        self, node: Node, module: str, name: str | None, local: str, context: Context
    ) -> None:
        self.imports.append(Import(module, name, local, line_of(node), context.guarded))
        self.define_import(node, local, context)

    def read_export(self, node: Node, context: Context) -> None:
        source = node.child_by_field_name("source")
        declaration = node.child_by_field_name("declaration")
        default = any(child.type == "default" for child in node.children)
        if default:
            self._offer("default")
            self._define_default(node, declaration, context)
        if declaration is not None:
            before = set(self.bound)
            known = len(self.definitions)
            self.visit(declaration, context)
            if not default:
                for name in self.bound - before:
                    self._offer(name)
                for each in self.definitions[known:]:
                    if "." not in each.name:
                        self._offer(each.name)
        value = node.child_by_field_name("value")
        if value is not None:
            self.visit(value, context)
        for child in node.named_children:
            if child.type == "export_clause":
                self._export_clause(child, string_value(source), context)
            elif child.type == "namespace_export":
                self._offer(text(child.named_children[0]))
                self._take_whole(node, string_value(source), context)
        if source is not None and any(child.type == "*" for child in node.children):
            self.stars.append(string_value(source))
            self._take_whole(node, string_value(source), context)
        if any(child.type == "=" for child in node.children):
            self.opaque = True  # `export = value` offers the value's members.

    def _define_default(self, node: Node, declaration: Node | None, context: Context) -> None:
        """There is one default; where it is a function, it can be called under that name, too."""
        what = declaration or node.child_by_field_name("value")
        if what is not None and what.child_by_field_name("parameters") is not None:
            takes = function_signature(what) if self.language is Language.TYPESCRIPT else None
            self.define(node, Kind.FUNCTION, "default", context, signature=takes)
        elif what is not None:
            # Overloads of a function and an interface may share the default.
            shared = what.type in ("function_signature", "interface_declaration")
            self.define(node, Kind.VALUE, "default", context, repeatable=shared)

    def _export_clause(self, clause: Node, source: str, context: Context) -> None:
        for each in clause.named_children:
            if each.type != "export_specifier":
                continue
            name = string_value(each.child_by_field_name("name"))
            alias = each.child_by_field_name("alias")
            self._offer(string_value(alias) if alias is not None else name)
            if source:
                line = line_of(each)
                self.imports.append(Import(source, name, "", line, context.guarded))
            else:
                self.use(each, "", name, context)

    def _offer(self, name: str) -> None:
        if self.offered is not None:
            self.offered.add(name)

    def require(self, node: Node, target: Node, module: str, context: Context) -> None:
        if target.type == "identifier":
            self.take_in(node, module, None, text(target), context)
            return
        for each in target.named_children if target.type == "object_pattern" else ():
            if each.type == "shorthand_property_identifier_pattern":
                self.take_in(each, module, text(each), text(each), context)
            elif each.type == "pair_pattern":
                name, local = each.child_by_field_name("key"), each.child_by_field_name("value")
                self.take_in(each, module, text(name), text(local), context)


def exported_names(node: Node) -> list[str] | None:
    """What one mention of `exports` offers: a plain assignment on the top level; None else."""
    inner = node.parent
    whole = text(node) == "module.exports"
    if whole and inner is not None and inner.type == "member_expression":
        node, inner, whole = inner, inner.parent, False
    if inner is None or inner.type != "assignment_expression":
        return None
    statement = inner.parent
    place = statement.parent if statement is not None else None
    if inner.child_by_field_name("left") != node or place is None or place.type != "program":
        return None
    if not whole:
        return [text(member_parts(node)[1])]
    value = inner.child_by_field_name("right")
    if value is None or value.type != "object":
        return None
    names = []
    for child in value.named_children:
        key = child.child_by_field_name("key") or child.child_by_field_name("name") or child
        if child.type == "comment":
            continue
        if child.type == "spread_element" or key.type == "computed_property_name":
            return None
        names.append(string_value(key))
    return names
