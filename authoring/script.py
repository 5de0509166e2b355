"""A notebook as a `.py` for a job, which nobody watches; `job.py`, on which it runs, is copied into it."""

import ast
import re
from pathlib import Path

_TRAINS = re.compile(r"(?<![\w.])((?:salon\.)?train\([^()]*)\)")  # a call that may be told where to log
_SAYS_ITSELF = re.compile(r"(?:print|lecture\.\w+)\(")
_HEAD = '''"""{title}

Notebook {name} as a script, made by `python -m authoring script`. Its pictures go to results/{name}/ on Mo,
elsewhere to runs/{name}/, and a line of JSON tells of each part that is done.
"""

{job}

part = Job("{name}")
'''


def as_script(path: Path) -> str:
    """The source of a script that does what the notebook at `path` does; headings stay as comments."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    title = notebook.cells[0].source.split("\n")[0].lstrip("# ")
    job = Path(__file__).with_name("job.py").read_text(encoding="utf-8").partition('"""\n\n')[2].rstrip()
    blocks = [_HEAD.format(title=title, name=path.stem, job=job)]
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.strip():
            source = _TRAINS.sub(r"\1, log=part.log)", _shown(cell.source))
            blocks.append(f'\npart("{cell.id}")\n{source}\n')
        else:
            blocks += [f"\n# {line}\n" for line in cell.source.split("\n") if line.startswith("## ")]
    return "".join(blocks) + "\npart.done()\n"


def _shown(source: str) -> str:
    """A cell's source whose last line, if it is a value that a notebook would show, hands it to `part.show`."""
    last = ast.parse(source).body[-1]
    lines = source.rstrip().split("\n")
    if not isinstance(last, ast.Expr) or _SAYS_ITSELF.match(lines[last.lineno - 1]) or lines[-1].endswith(";"):
        return source.rstrip()
    value = "\n".join(lines[last.lineno - 1 : last.end_lineno])
    return "\n".join([*lines[: last.lineno - 1], f"part.show({value})"])
