"""How people who write a language spell a name, an import or a call of it.

Pure. Inside the guard every name is dotted, whatever the language.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from agentd.conflicts.symbols.summary import Call, Import, Language, Use, bare_owner

Need: TypeAlias = Import | Use | Call

_CALLED_CLASSES: Final = (Language.PYTHON, Language.JAVASCRIPT, Language.TYPESCRIPT)
"""Where a call in front of a member is as a rule one of the member's class, and adds nothing."""


def spelled(name: str, language: Language) -> str:
    """A dotted name: `store::Box::put` in Rust, `store.Box.put` elsewhere."""
    return name.replace(".", "::") if language is Language.RUST else name


def symbol_of(need: Need, language: Language) -> str:
    """The name that is needed, with what it belongs to where it is no import."""
    match need:
        case Import(module=module, name=name):
            return spelled(module, language) if name is None else name
        case Use(owner=owner, name=name) | Call(owner=owner, name=name):
            holder = bare_owner(owner)
            if language in _CALLED_CLASSES:
                holder = holder.removesuffix("()")
            if holder.endswith("()"):
                return f"{spelled(holder, language)}.{name}"
            return spelled(f"{holder}.{name}" if holder else name, language)


def text_of(need: Need, language: Language) -> str:
    """What stands there, in a few words: `load from app.store`, `crate::store::load`, `load(…)`."""
    match need:
        case Import(module=module, name=name):
            if name is not None and language in (Language.RUST, Language.JAVA):
                return spelled(f"{module}.{name}", language)
            module = spelled(module, language)
            return module if name is None else f"{name} from {module}"
        case Use():
            return symbol_of(need, language)
        case Call(shape=shape):
            given = [*["…"] * shape.positional, *(f"{name}=…" for name in shape.keywords)]
            return f"{symbol_of(need, language)}({', '.join(given)})"
