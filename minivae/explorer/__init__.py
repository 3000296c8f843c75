"""A model as one page of HTML that runs in a browser, without a server and without a network.

`page` puts together what lies in ``web/``: the page's skeleton, its style and its program, plain
JavaScript in small modules, one a file. `description` says what the program is told about a model.

What is computed in the browser is the bound (eq. 10) and what it is made of: the encoder, a draw
from q(z|x), the decoder. Nothing is trained there. ``window.minivae`` offers the same functions to
scripts.
"""

from minivae.explorer.page import build_page, fill_page, rounded

__all__ = ["build_page", "fill_page", "rounded"]
