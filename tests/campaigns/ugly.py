"""What honest students do to a notebook besides answering: a function for each, named after it.

Each takes random numbers and a draft, and changes the draft in place. In a notebook that is run
from top to bottom, none makes a right answer wrong or a wrong one right. Pairs that would do so
together are in ``CLASHES``, and are not drawn together.
"""

from __future__ import annotations

import ast
import base64
import builtins
import copy
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.authoring.setup_cell import ID as SETUP
from grader.course.exercises import exercises
from grader.course.layout import notebook_path
from grader.course.sources import answer_source
from grader.source.slicing import read_names

Cell = dict[str, Any]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


@dataclass
class Draft:
    """A submission on its way: the notebook's JSON and how it is to be written to disk.

    ``answered`` are the exercises that were worked on.
    """

    lesson: str
    tree: dict[str, Any]
    answered: set[str]
    start: bytes = b""
    newline: str = "\n"
    layout: dict[str, Any] = field(default_factory=lambda: {"indent": 1, "ensure_ascii": False})
    added: int = 0

    @classmethod
    def of(cls, lesson: str, texts: dict[str, str]) -> Draft:
        """Make a draft of the lesson as given out, with these answers."""
        draft = cls(lesson, json.loads(notebook_path(lesson).read_bytes()), set(texts))
        for cell in draft.cells:
            cell["source"] = texts.get(grade_id(cell), "".join(cell["source"]))
        return draft

    @property
    def cells(self) -> list[Cell]:
        return self.tree["cells"]

    def answers(self) -> list[tuple[int, str]]:
        """Return place and exercise of each cell that holds an answer."""
        return [(n, grade_id(c)) for n, c in enumerate(self.cells) if grade_id(c) in self.answered]

    def new(self, source: str, metadata: dict[str, Any] | None = None) -> Cell:
        """Make a code cell with an id of its own."""
        self.added += 1
        return {
            "cell_type": "code",
            "id": f"added-{self.added}",
            "metadata": metadata or {},
            "source": source,
            "execution_count": None,
            "outputs": [],
        }

    def scratch(self, rng: random.Random, *sources: str) -> None:
        """Add cells of the student's own, in one place anywhere after the title."""
        place = rng.randint(1, len(self.cells))
        self.cells[place:place] = [self.new(source) for source in sources]

    def early(self, source: str) -> None:
        """Add a cell of the student's own right after the lesson's imports."""
        self.cells.insert(imports(self.cells) + 1, self.new(source))

    def as_bytes(self) -> bytes:
        """Return the file."""
        text = json.dumps(self.tree, **self.layout) + "\n"
        return self.start + text.replace("\n", self.newline).encode("utf-8")


Ugly = Callable[[random.Random, Draft], None]
UGLINESSES: dict[str, Ugly] = {}


def ugly(function: Ugly) -> Ugly:
    """Register the function, in this file's order: texts first, the file's form last."""
    UGLINESSES[function.__name__.replace("_", " ")] = function
    return function


def grade_id(cell: Cell) -> str:
    """Return nbgrader's id of a cell; '' if it has none."""
    return cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", "")


def imports(cells: Sequence[Cell]) -> int:
    """Find the lesson's imports: the first code cell after the one that finds the course."""
    code = (n for n, cell in enumerate(cells) if cell["cell_type"] == "code")
    return next(n for n in code if grade_id(cells[n]) != f"given-{SETUP}")


def _some(rng: random.Random, draft: Draft) -> list[tuple[Cell, str]]:
    """Draw at least one answered cell, with its exercise; none if nothing is answered."""
    places = draft.answers()
    chosen = rng.sample(places, rng.randint(1, len(places))) if places else []
    return [(draft.cells[place], name) for place, name in chosen]


def _tree(cell: Cell) -> ast.Module | None:
    try:
        return ast.parse(cell["source"])
    except SyntaxError:
        return None  # an earlier ugliness has put a magic there


def _lines(source: str, node: ast.stmt) -> str:
    """Return the text of a statement, with its decorators."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    return "\n".join(source.splitlines()[first - 1 : node.end_lineno])


def _helpers(cell: Cell, name: str) -> list[ast.FunctionDef]:
    """Find the functions beside the answer."""
    tree = _tree(cell)
    body = tree.body if tree else []
    return [n for n in body if isinstance(n, ast.FunctionDef) and not n.name.endswith(name)]


def _renamed(source: str, old: str, new: str) -> str:
    return re.sub(rf"(?<![.\w]){old}\b", new, source)


# --- the text of the answers --------------------------------------------------------------------


@ugly
def old_version_commented_out(rng: random.Random, draft: Draft) -> None:
    """An older version is above and below the answer as a comment."""
    for cell, name in _some(rng, draft):
        old = f"def {name}(x):\n    for i in range(len(x)):  # ???\n        x = x[i\n    return x"
        comment = "\n".join(f"# {line}" for line in old.splitlines())
        cell["source"] = f"{comment}\n\n{cell['source']}\n\n{comment}\n"


@ugly
def old_version_above(rng: random.Random, draft: Draft) -> None:
    """An earlier try is in the same cell, and is overwritten."""
    for cell, name in _some(rng, draft):
        cell["source"] = (
            f"def {name}(*args):\n    return 'first try'\n\n\n# now it works!!\n{cell['source']}"
        )


@ugly
def docstrings_removed(rng: random.Random, draft: Draft) -> None:
    """The text goes through ast: no docstrings, no comments, other quotes."""
    for cell, _ in _some(rng, draft):
        tree = _tree(cell)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
                node.body = node.body[1:] or [ast.Pass()]
        cell["source"] = ast.unparse(tree) if tree else cell["source"]


@ugly
def type_hints(rng: random.Random, draft: Draft) -> None:
    """Every argument and result has a hint."""
    for cell, _ in _some(rng, draft):
        tree = _tree(cell)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.FunctionDef):
                for arg in (*node.args.args, *node.args.kwonlyargs):
                    if arg.arg != "self":
                        arg.annotation = ast.Constant("np.ndarray | torch.Tensor")
                node.returns = ast.Name("object")
        cell["source"] = ast.unparse(ast.fix_missing_locations(tree)) if tree else cell["source"]


@ugly
def prints_inside_the_answers(rng: random.Random, draft: Draft) -> None:
    """Every function prints a line whenever it is called."""
    for cell, _ in _some(rng, draft):
        tree = _tree(cell)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.FunctionDef) and node.name != "__init__":
                shout = ast.parse(f"print('DEBUG {node.name}', {node.args.args and 1}, flush=True)")
                node.body.insert(1 if ast.get_docstring(node) else 0, shout.body[0])
        cell["source"] = ast.unparse(ast.fix_missing_locations(tree)) if tree else cell["source"]


@ugly
def helpers_renamed(rng: random.Random, draft: Draft) -> None:
    """Helpers get other names, one of them with letters that are not ASCII."""
    for cell, name in _some(rng, draft):
        for number, helper in enumerate(_helpers(cell, name)):
            new = ("größe_von_", "_my_")[number % 2] + helper.name
            cell["source"] = _renamed(cell["source"], helper.name, new)


@ugly
def answer_under_another_name(rng: random.Random, draft: Draft) -> None:
    """The answer is written as my_…, and gets its right name in the last line."""
    for cell, name in _some(rng, draft):
        cell["source"] = f"{_renamed(cell['source'], name, f'my_{name}')}\n\n{name} = my_{name}\n"


@ugly
def decorated(rng: random.Random, draft: Draft) -> None:
    """The functions beside an answer, and an answer that is a function, are decorated."""
    wrapper = (
        "import functools\n\n\ndef traced(function):\n    @functools.wraps(function)\n"
        "    def inner(*args, **kwargs):\n        return function(*args, **kwargs)\n\n"
        "    return inner\n"
    )
    for cell, name in _some(rng, draft):
        source = cell["source"]
        for helper in _helpers(cell, name):
            source = re.sub(
                rf"^def {helper.name}\b", f"@traced\ndef {helper.name}", source, flags=re.M
            )
        source = re.sub(rf"^def {name}\b", f"@traced\ndef {name}", source, flags=re.M)
        if source != cell["source"]:
            cell["source"] = f"{wrapper}\n\n{source}"


@ugly
def cached_constant_helper(rng: random.Random, draft: Draft) -> None:
    """A helper with lru_cache that the cell's last line calls."""
    for cell, _ in _some(rng, draft):
        cell["source"] = (
            "from functools import lru_cache\n\n@lru_cache(maxsize=None)\ndef fib(n):\n"
            f"    return n if n < 2 else fib(n - 1) + fib(n - 2)\n\n{cell['source']}\n\nfib(50)"
        )


@ugly
def helper_in_a_cell_before(rng: random.Random, draft: Draft) -> None:
    """What an answer calls is moved into an added cell before it, the imports copied."""
    for cell, name in _some(rng, draft):
        tree, source = _tree(cell), cell["source"]
        if tree is None:
            continue
        moved = _helpers(cell, name)
        inner = {n for h in moved for n in read_names(_lines(source, h)) or ()}
        if not moved or name in inner or f"right_{name}" in inner:
            continue
        first = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom, ast.Assign))]
        first = [n for n in first if n.lineno < moved[0].lineno]
        texts = [_lines(source, node) for node in (*first, *moved)]
        for helper in moved:
            source = source.replace(_lines(cell["source"], helper), "", 1)
        cell["source"] = source.strip("\n")
        place = next(n for n, c in enumerate(draft.cells) if c is cell)
        draft.cells.insert(place, draft.new("# helpers\n" + "\n\n".join(texts)))


@ugly
def helper_defined_again_later(rng: random.Random, draft: Draft) -> None:
    """A cell after the check has the same helpers once more."""
    for cell, name in _some(rng, draft):
        helpers = [_lines(cell["source"], node) for node in _helpers(cell, name)]
        spot = [n for n, c in enumerate(draft.cells) if grade_id(c) == f"check_{name}"]
        if helpers and spot and not any(f"right_{name}" in text for text in helpers):
            imports = [_lines(cell["source"], n) for n in (_tree(cell) or ast.Module([], [])).body
                       if isinstance(n, (ast.Import, ast.ImportFrom))]  # fmt: skip
            draft.cells.insert(spot[0] + 1, draft.new("\n\n".join([*imports, *helpers])))


@ugly
def unicode_everywhere(rng: random.Random, draft: Draft) -> None:
    """Names, texts and comments that are not ASCII."""
    for cell, _ in _some(rng, draft):
        cell["source"] = (
            "# 🐢 Größe ≠ 0, 注意力 \u202bשלום\u202c\nλ, 变量 = 0.5, 'ü🙂'\n" + cell["source"]
        )


@ugly
def prints_in_answer_cells(rng: random.Random, draft: Draft) -> None:
    """Prints around the definitions."""
    for cell, name in _some(rng, draft):
        cell["source"] = f"print('start')\n{cell['source']}\nprint({name}, 'done ✓')\n"


@ugly
def tests_in_answer_cells(rng: random.Random, draft: Draft) -> None:
    """Tries and asserts below the definition; some of them fail."""
    tests = (
        "assert callable({name})\ntest_value = 3\ntest_value",
        "try:\n    print({name}(1))\nexcept Exception as oops:\n    print('hmm', oops)",
        "assert {name} is None, 'why?'",
        "{name}()",
        "for attempt in range(3):\n    {name}(attempt)",
    )
    for cell, name in _some(rng, draft):
        if not name.startswith("train_"):
            cell["source"] += "\n\n" + rng.choice(tests).format(name=name)


@ugly
def magics_in_answer_cells(rng: random.Random, draft: Draft) -> None:
    """%timeit and !commands below the definition, or a question mark."""
    below = ("%timeit -n1 -r1 sum(range(10))", "!echo done", "%who", "{name}?", "%pdb off",
             "%time 1 + 1", "files = !ls\nfiles",
             "%config InlineBackend.figure_format = 'retina'")  # fmt: skip
    for cell, name in _some(rng, draft):
        cell["source"] += "\n\n" + rng.choice(below).format(name=name)


@ugly
def timed_answer_cells(rng: random.Random, draft: Draft) -> None:
    """%%time or %%capture at the top of an answer."""
    for cell, _ in _some(rng, draft):
        if not cell["source"].startswith("%%"):
            cell["source"] = (
                rng.choice(("%%time", "%%capture", "%%capture out")) + "\n" + cell["source"]
            )


@ugly
def answer_cells_split(rng: random.Random, draft: Draft) -> None:
    """Cells are split between two statements; JupyterLab copies the metadata to both halves."""
    for cell, _ in _some(rng, draft):
        tree = _tree(cell)
        starts = [n.lineno for n in tree.body[1:]] if tree else []
        starts = [
            n for n in starts if not cell["source"].splitlines()[n - 1].startswith(("@", " "))
        ]
        starts = [n for n in starts if not cell["source"].splitlines()[n - 2].startswith("@")]
        if not starts:
            continue
        cut, lines = rng.choice(starts) - 1, cell["source"].splitlines()
        metadata = copy.deepcopy(cell["metadata"]) if rng.random() < 0.7 else {}
        cell["source"] = "\n".join(lines[:cut])
        place = next(n for n, c in enumerate(draft.cells) if c is cell)
        draft.cells.insert(place + 1, draft.new("\n".join(lines[cut:]), metadata))


@ugly
def answer_in_a_new_cell(rng: random.Random, draft: Draft) -> None:
    """The cell that was given out is deleted or emptied; the answer is in an added one."""
    for cell, _ in _some(rng, draft):
        place = next(n for n, c in enumerate(draft.cells) if c is cell)
        draft.cells.insert(place + 1, draft.new(cell["source"]))
        if rng.random() < 0.5:
            del draft.cells[place]
        else:
            cell["source"] = rng.choice(("", "# see below", "pass"))


@ugly
def stubs_tinkered_with(rng: random.Random, draft: Draft) -> None:
    """A print or a comment in cells that are otherwise untouched."""
    broken = {exercise.id for exercise in exercises(draft.lesson) if exercise.broken}
    for cell in draft.cells:
        if cell.get("metadata", {}).get("nbgrader", {}).get("solution") and rng.random() < 0.5:
            name = grade_id(cell)
            if cell["cell_type"] == "code" and name not in draft.answered | broken:
                cell["source"] += rng.choice(("\n# no idea", "\nprint('later')", "\n\n\n"))


# --- cells of the student's own -----------------------------------------------------------------

SCRATCH: dict[str, tuple[str, ...]] = {
    "prints": ("print('noise ' * 2000)", "for i in range(300): print(i, end=' ')"),
    "warnings on stderr": (
        "import sys, warnings\nwarnings.warn('careful')\nprint('oops', file=sys.stderr)",
        "import warnings\nwarnings.warn('this is old', DeprecationWarning, stacklevel=2)",
        "import os\nos.write(2, b'raw bytes \\xff on stderr\\n')",
    ),
    "progress bars": (
        "from tqdm.auto import tqdm\nfor i in tqdm(range(100)): pass",
        "import sys, time\nfor i in range(50):\n    sys.stderr.write(f'\\r{i:3}%|' + '█' * i)\n"
        "    sys.stderr.flush()",
        "from IPython.display import clear_output\nfor i in range(20):\n"
        "    clear_output(wait=True)\n    print(i)",
    ),
    "line magics": (
        "%matplotlib inline",
        "%timeit -n2 -r1 sum(range(100))",
        "%load_ext autoreload\n%autoreload 2",
        "%whos",
        "%time 1 + 1\n%pwd",
        "%no_such_magic",
        "%env SOMETHING=1\n%precision 3",
        "%xmode Verbose\n1/0",
        "len?",
        "%history",
    ),
    "cell magics": (
        "%%time\nsum(range(1000))",
        "%%capture\nprint('hidden')",
        "%%timeit -n1 -r1\nx = 1",
        "%%bash\necho hello | tr a-z A-Z\nls -la",
        "%%html\n<b>hello</b>",
        "%%writefile notes.txt\nremember this: it's 5 o'clock",
        "%%javascript\nalert('hello')",
        "%%latex\n$x^2$",
    ),
    "shell commands": (
        "!pip list",
        "!ls -la",
        "!pip install --quiet tqdm",
        "files = !ls\nprint(len(files))",
        "!nvidia-smi",
        "!python --version; exit 3",
        "!cat",
    ),
    "rich output": (
        "display(1, 'two', [3])",
        "from IPython.display import HTML, Markdown\nMarkdown('**bold**')\nHTML('<i>x</i>')",
        "import torch\ntorch.zeros(200, 200)",
        "class Odd:\n    def __repr__(self): raise ValueError('no repr')\nOdd()",
        "import numpy as np\nnp.arange(10**6)",
    ),
    "exit in a scratch cell": (
        "exit()",
        "quit()",
        "import sys\nsys.exit()",
        "import sys\nsys.exit(3)",
        "raise SystemExit",
        "exit",
        "quit",
    ),
    "exception in a scratch cell": (
        "1/0",
        "raise ValueError('what?')",
        "undefined_name + 1",
        "assert False, 'stop here'",
        "raise KeyboardInterrupt",
        "raise NotImplementedError",
        "raise StopIteration",
        "def deeper(n): return deeper(n + 1)\ndeeper(0)",
        "import module_that_nobody_has",
        "input('your name? ')",
        "open('no/such/file.csv')",
    ),
    "syntax error in a scratch cell": (
        "def broken(:",
        "for i in range(3)\n    print(i)",
        "x = = 3",
        "  indented = 1\nnot_indented = 2",
        "print 'python 2'",
        "'never closed",
        "I think that the answer is 5.",
        "return 3",
        "await nothing",
        "x = 08",
    ),
    "global seeds": (
        "import random\nimport numpy as np\nimport torch\n"
        "random.seed(1)\nnp.random.seed(1)\ntorch.manual_seed(1)",
        "import torch\ntorch.use_deterministic_algorithms(True)\ntorch.manual_seed(0)",
        "import os\nos.environ['PYTHONHASHSEED'] = '42'",
    ),
    "float64 default": (
        "import torch\ntorch.set_default_dtype(torch.float64)",
        "import torch\ntorch.set_default_tensor_type(torch.DoubleTensor)",
    ),
    "numpy raises": (
        "import numpy as np\nnp.seterr(all='raise')",
        "import numpy as np\nold = np.seterr(divide='raise', over='raise', under='raise')",
    ),
    "numpy error handler": (
        "import numpy as np\nnp.seterr(all='print')",
        "import numpy as np\nnp.seterr(all='call')\nnp.seterrcall(lambda kind, flag: print(kind))",
    ),
    "warnings are errors": (
        "import warnings\nwarnings.simplefilter('error')",
        "import warnings\nwarnings.filterwarnings('error')",
    ),
    "gradients switched off": (
        "import torch\ntorch.set_grad_enabled(False)",
        "import torch\ntorch.autograd.set_grad_enabled(False)\n"
        "torch.autograd.set_detect_anomaly(True)",
    ),
    "torch settings": (
        "import torch\ntorch.set_printoptions(precision=2, sci_mode=False)",
        "import torch\ntorch.set_num_threads(4)",
        "import torch\ntorch.set_float32_matmul_precision('medium')",
        "import torch\ntorch.autograd.set_detect_anomaly(True)",
        "import torch\ndevice = torch.device('cuda' if torch.cuda.is_available() else 'cpu')\n"
        "torch.set_default_device(device)",
        "import torch\ntorch.set_flush_denormal(True)",
        "import torch\ntorch.backends.cudnn.benchmark = True",
    ),
    "numpy settings": (
        "import numpy as np\nnp.set_printoptions(precision=2, suppress=True, threshold=5)",
        "import numpy as np\nnp.random.seed(3)\nrng = np.random.default_rng()",
    ),
    "open figures": (
        "import matplotlib.pyplot as plt\nfor i in range(22):\n    plt.figure()\n    plt.plot([i])",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('no show')",
        "import matplotlib.pyplot as plt\nplt.style.use('ggplot')\nplt.close('all')\nplt.ion()",
        "import matplotlib\nmatplotlib.use('TkAgg')",
    ),
    "thousands of lines": (
        "for i in range(10_000):\n    print('line', i, 'x' * 40)",
        "import sys\nfor i in range(10_000):\n    print('line', i, file=sys.stderr)",
        "print('x' * 3_000_000)",
    ),
    "big image": (
        "from IPython.display import Image\nimport os\n"
        "Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + os.urandom(5_000_000), format='png')",
        "import matplotlib.pyplot as plt\nimport numpy as np\n"
        "plt.figure(figsize=(12, 12), dpi=120)\nplt.imshow(np.random.rand(900, 900))",
    ),
    "mentions input": (
        "# n = input('how many? ')\nn = 3",
        "def ask():\n    return input('your name? ')",
    ),
    "sleeps": ("import time\ntime.sleep(0.2)",),
    "threads left running": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(3600,)).start()",
        "import threading\nfor _ in range(5):\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()",
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(4)\n"
        "list(pool.map(str, range(9)))",
        "import threading\nthreading.Thread(target=lambda: 1 / 0).start()",
    ),
    "processes left running": (
        "import subprocess\nsleeper = subprocess.Popen(['sleep', '600'])",
        "import multiprocessing\npool = multiprocessing.Pool(2)\npool.map(abs, [-1, 2])",
    ),
    "asyncio": (
        "import asyncio\nawait asyncio.sleep(0.01)",
        "import asyncio\nasyncio.run(asyncio.sleep(0))",
    ),
    "debug logging": (
        "import logging\nlogging.basicConfig(level=logging.DEBUG)\n"
        "logging.getLogger().setLevel(logging.DEBUG)\nlogging.debug('hello')",
    ),
    "environment changed": (
        "import os\nos.environ['OMP_NUM_THREADS'] = '8'\nos.environ['HOME'] = '/root'\n"
        "os.environ.pop('PATH', None)",
        "import os\nos.environ['CUDA_VISIBLE_DEVICES'] = ''\nos.environ['LANG'] = 'de_DE.UTF-8'",
        "import sys\nsys.path.insert(0, '..')\nsys.setrecursionlimit(10_000)",
        "import locale\nlocale.setlocale(locale.LC_ALL, '')",
        "import sys\nsys.set_int_max_str_digits(0)",
    ),
    "other folder": (
        "import os\nos.chdir('/tmp')",
        "import os\nos.makedirs('data', exist_ok=True)\nos.chdir('data')",
        "%cd ..",
        "import os, tempfile\nfolder = tempfile.mkdtemp()\nos.chdir(folder)\nos.rmdir(folder)",
    ),
    "files written": (
        "open('results.csv', 'w').write('a,b\\n1,2\\n')",
        "import torch\ntorch.save({'x': torch.ones(3)}, 'model.pt')\ntorch.load('model.pt')",
        "for name in ('numpy.py', 'torch.py', 'random.py', 'math.py'):\n"
        "    open(name, 'w').write('1/0')",
        "import matplotlib.pyplot as plt\nplt.plot([1]); plt.savefig('figure.png')",
    ),
    "star imports": (
        "from math import *",
        "from torch.nn import *",
        "from IPython.display import *",
    ),
    "imports again": (
        "import numpy as np, torch, torch.nn as nn, math\nimport matplotlib.pyplot as plt\n"
        "from torch import nn, Tensor",
        "import importlib, numpy\nimportlib.import_module('json')",
        "import pandas as pd",
        "import sklearn.metrics",
    ),
    "garbage collection": (
        "import gc\ngc.disable()\ngc.collect()",
        "import gc\ngc.set_debug(gc.DEBUG_STATS)",
    ),
    "looks around": (
        "print(sorted(globals()))",
        "print(locals().keys())",
        "get_ipython()",
        "print(len(dir()))\nIn[-1], Out",
        "exec('hidden = 1')\nprint(eval('hidden'))",
    ),
    "long lines": (
        "numbers = [" + ", ".join(map(str, range(20_000))) + "]",
        "# " + "very " * 20_000 + "long",
        "x = " + " + ".join(["1"] * 3000),
    ),
    "signals and hooks": (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)",
        "import atexit\natexit.register(lambda: print('bye'))",
        "import sys\nsys.excepthook = lambda *a: None\nsys.settrace(None)",
        "import faulthandler\nfaulthandler.enable()",
    ),
    "output redirected": (
        "import sys, io\nsys.stdout = io.StringIO()",
        "import sys\nsys.stdout = open('log.txt', 'w')\nprint('in the log')",
        "import sys\nsys.stdout.close()\nprint('gone')",
        "import sys\nsys.stderr = None",
    ),
    "half a gigabyte": ("import numpy as np\nhoard = np.ones(60_000_000)",),
}  # fmt: skip


def _scratch(name: str) -> Ugly:
    def put(rng: random.Random, draft: Draft) -> None:
        draft.scratch(rng, rng.choice(SCRATCH[name]))

    put.__doc__ = f"A cell of the student's own: {name}."
    return put


UGLINESSES |= {name: _scratch(name) for name in SCRATCH}


@ugly
def settings_first(rng: random.Random, draft: Draft) -> None:
    """Somebody's usual first cell: a seed, float64, no warnings, every switch at once."""
    draft.early(
        "import random, warnings\nimport numpy as np\nimport torch\n"
        "warnings.filterwarnings('ignore')\n"
        "SEED = 42\nrandom.seed(SEED); np.random.seed(SEED); torch.manual_seed(SEED)\n"
        "torch.set_default_dtype(torch.float64)\nnp.set_printoptions(suppress=True)\n"
        "torch.use_deterministic_algorithms(True)"
    )


@ugly
def names_of_builtins(rng: random.Random, draft: Draft) -> None:
    """``list = [1]``, ``sum = 3``: names that no answer and no cell of the lesson reads."""
    code = [cell["source"] for cell in draft.cells if cell["cell_type"] == "code"]
    code += [answer_source(draft.lesson, exercise.id) for exercise in exercises(draft.lesson)]
    used = {name for source in code for name in read_names(source) or re.findall(r"\w+", source)}
    names = "list sum max min input id type dir len str set map filter next abs all any int float"
    free = [name for name in names.split() if name not in used and hasattr(builtins, name)]
    if free:
        chosen = rng.sample(free, min(len(free), 3))
        draft.scratch(rng, "\n".join(f"{name} = {rng.randint(1, 9)}" for name in chosen))


@ugly
def notes_of_all_kinds(rng: random.Random, draft: Draft) -> None:
    """Markdown with HTML and formulas, raw cells, empty cells."""
    note = {"cell_type": "markdown", "id": f"note-{draft.added}", "metadata": {}}
    texts = ("# Notes\n<b>bold</b> $\\frac{1}{2}$ ![](attachment:x.png)", "<script>1</script>", "")
    for number, text in enumerate(texts):
        cell = note | {"id": f"note-{draft.added}-{number}", "source": text}
        draft.cells.insert(rng.randint(1, len(draft.cells)), cell)
    raw = note | {"cell_type": "raw", "id": f"raw-{draft.added}", "source": "raw\n\\begin{x}"}
    draft.cells.insert(rng.randint(1, len(draft.cells)), raw)
    draft.scratch(rng, "", "   \n", "# nothing here")


@ugly
def own_function_tried_out(rng: random.Random, draft: Draft) -> None:
    """After a check, a cell that calls the answer, badly, and one that plots."""
    for _, name in _some(rng, draft):
        spot = [n for n, c in enumerate(draft.cells) if grade_id(c) == f"check_{name}"]
        if spot and not name.startswith("train_"):
            cells = [draft.new(f"{name}\nresult = {name}(3)"), draft.new("plt.plot([1, 2])")]
            draft.cells[spot[0] + 1 : spot[0] + 1] = cells


# --- the cells that were given out --------------------------------------------------------------


@ugly
def locked_cells_edited(rng: random.Random, draft: Draft) -> None:
    """Plots made larger, checks printed, titles reworded, in cells that are locked."""
    for cell in draft.cells:
        marks = cell.get("metadata", {}).get("nbgrader", {})
        if marks.get("locked") and rng.random() < 0.2:
            cell["source"] = rng.choice((cell["source"] + "\nprint('mine')", "# removed", "pass"))


@ugly
def cells_deleted(rng: random.Random, draft: Draft) -> None:
    """Texts, demonstrations, checks and scratch cells are gone; no answer is."""
    first = imports(draft.cells)
    draft.tree["cells"] = [
        cell
        for number, cell in enumerate(draft.cells)
        if grade_id(cell) in draft.answered
        or number == first
        or cell.get("id", "").startswith("added-")
        or rng.random() < 0.8
    ]


@ugly
def cells_out_of_order(rng: random.Random, draft: Draft) -> None:
    """Cells that were given out have changed places."""
    for _ in range(rng.randint(1, 6)):
        places = [n for n, c in enumerate(draft.cells) if grade_id(c) or c["cell_type"] != "code"]
        one, other = rng.sample(places, 2)
        draft.cells[one], draft.cells[other] = draft.cells[other], draft.cells[one]


@ugly
def cells_copied(rng: random.Random, draft: Draft) -> None:
    """Cells are copied and pasted, metadata and all: an id is in the file twice."""
    for _ in range(rng.randint(1, 4)):
        cell = copy.deepcopy(rng.choice(draft.cells))
        if cell.get("id", "").startswith("added-"):
            continue
        if rng.random() < 0.5:
            cell["id"] = f"copy-{rng.randrange(10**6)}"
        spot = [n for n, c in enumerate(draft.cells) if c["source"] == cell["source"]][-1]
        draft.cells.insert(rng.randint(spot + 1, len(draft.cells)), cell)


# --- the file -----------------------------------------------------------------------------------


@ugly
def tabs(rng: random.Random, draft: Draft) -> None:
    """Answers are indented with tabs."""
    for cell, _ in _some(rng, draft):
        indent = re.compile(r"^(?: {4})+", re.M)
        cell["source"] = indent.sub(lambda m: "\t" * (len(m[0]) // 4), cell["source"])


@ugly
def blank_at_line_ends(rng: random.Random, draft: Draft) -> None:
    """Blanks at the ends of lines and empty lines around the cells."""
    for cell in draft.cells:
        if rng.random() < 0.5:
            lines = cell["source"].splitlines()
            cell["source"] = "\n" + "".join(f"{line}  \n" for line in lines) + "\n\n"


@ugly
def windows_line_ends(rng: random.Random, draft: Draft) -> None:
    """CR LF within the cells and in the file."""
    draft.newline = "\r\n"
    for cell in draft.cells:
        cell["source"] = cell["source"].replace("\r\n", "\n").replace("\n", "\r\n")


@ugly
def stale_outputs(rng: random.Random, draft: Draft) -> None:
    """Outputs and counts of another run are saved, errors and full marks among them."""
    outputs: list[dict[str, Any]] = [
        {"output_type": "stream", "name": "stdout", "text": ["score: 100/100\n", "all passed\n"]},
        {"output_type": "error", "ename": "Boom", "evalue": "old", "traceback": ["\x1b[0;31mBoom"]},
        {"output_type": "execute_result", "data": {"text/plain": "10.0"}, "metadata": {},
         "execution_count": 7},
    ]  # fmt: skip
    for cell in draft.cells:
        if cell["cell_type"] == "code" and rng.random() < 0.7:
            cell["outputs"] = [copy.deepcopy(rng.choice(outputs))]
            cell["execution_count"] = rng.randint(1, 400)


@ugly
def saved_image_of_five_megabytes(rng: random.Random, draft: Draft) -> None:
    """A picture in the file as large as cameras make them."""
    data = base64.b64encode(PIXEL + rng.randbytes(5_000_000)).decode()
    cell = rng.choice([cell for cell in draft.cells if cell["cell_type"] == "code"])
    cell["outputs"] = [
        {"output_type": "display_data", "data": {"image/png": data}, "metadata": {}}
    ]  # fmt: skip


@ugly
def vs_code(rng: random.Random, draft: Draft) -> None:
    """What Visual Studio Code leaves: its own metadata, other ids."""
    draft.tree["metadata"]["vscode"] = {"interpreter": {"hash": "0" * 64}}
    for number, cell in enumerate(draft.cells):
        cell["id"] = f"#VSC-{number:08x}"
        cell["metadata"]["vscode"] = {"languageId": "python"}


@ugly
def colab(rng: random.Random, draft: Draft) -> None:
    """What Google Colab leaves: ids in the metadata, nbformat 4.0, times of execution."""
    draft.tree |= {"nbformat_minor": 0}
    draft.tree["metadata"] |= {
        "colab": {"provenance": [], "toc_visible": True},
        "accelerator": "GPU",
    }
    for number, cell in enumerate(draft.cells):
        cell.pop("id", None)
        cell["metadata"] |= {"id": f"a{number}B-xYz", "outputId": "00-11"}
        cell["metadata"]["executionInfo"] = {"status": "ok", "elapsed": 3, "user": {"userId": "1"}}


@ugly
def kaggle(rng: random.Random, draft: Draft) -> None:
    """What Kaggle leaves."""
    for cell in draft.cells:
        cell["metadata"] |= {"_uuid": "f" * 40, "_kg_hide-input": True, "trusted": False}
        cell["metadata"]["execution"] = {"iopub.status.busy": "2024-01-01T00:00:00Z"}


@ugly
def no_cell_ids(rng: random.Random, draft: Draft) -> None:
    """nbformat 4.4: cells without ids."""
    draft.tree["nbformat_minor"] = 4
    for cell in draft.cells:
        cell.pop("id", None)


@ugly
def no_metadata(rng: random.Random, draft: Draft) -> None:
    """A tool on the way has dropped ids and metadata of all cells; texts and order remain."""
    draft.tree["metadata"] = {}
    for cell in draft.cells:
        cell.pop("id", None)
        cell["metadata"] = {}


@ugly
def sources_as_lines(rng: random.Random, draft: Draft) -> None:
    """Texts as lists of lines, ASCII alone, or no layout at all."""
    draft.layout = rng.choice(({"indent": 4}, {"separators": (",", ":")}, {"sort_keys": True}))
    for cell in draft.cells:
        cell["source"] = cell["source"].splitlines(keepends=True)


@ugly
def byte_order_mark(rng: random.Random, draft: Draft) -> None:
    """The file begins with a BOM, as after a visit to Windows' editor."""
    draft.start = b"\xef\xbb\xbf"


# Pairs that would change what the notebook does when it is run from top to bottom.
CLASHES: tuple[set[str], ...] = (
    # Without ids nobody can tell where a cell belongs that has changed its text or place.
    *({"no metadata", other} for other in ("cells out of order", "cells copied", "cells deleted",
      "locked cells edited", "windows line ends", "blank at line ends")),
    # The half of an answer, and the copy of another half.
    {"answer cells split", "cells copied"},
    {"answer cells split", "cells out of order"},
    {"answer in a new cell", "cells out of order"},
    {"answer in a new cell", "cells copied"},
    {"helper in a cell before", "cells out of order"},
)  # fmt: skip
