"""StringLookup and IntegerLookup: from tokens to the codes of a vocabulary, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from pydl._base.args import one_of, optional_whole, whole
from pydl._base.frames import array_of_any
from pydl._base.vocabulary import Seen, Table
from pydl._engine.graph import Shape
from pydl.layers.host import (
    HostLayer,
    batches_of,
    encode,
    encoded_shape,
    hashed,
    mode_of,
    refuse_sparse,
    salt_of,
)  # fmt: skip

Array = np.ndarray


class Lookup(HostLayer):
    """A vocabulary: codes of the mask, if there is one, then of what is out of the vocabulary, then of its tokens."""

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        salt: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.max_tokens = optional_whole(owner, "max_tokens", max_tokens, at_least=2)
        self.num_oov_indices = whole(owner, "num_oov_indices", num_oov_indices)
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert = bool(invert)
        self.output_mode = mode_of(owner, {"tf-idf": "tf_idf"}.get(output_mode, output_mode), ("tf_idf",))
        refuse_sparse(owner, sparse)
        self.sparse = False
        self.pad_to_max_tokens = bool(pad_to_max_tokens)
        self.salt = salt_of(owner, salt)
        if self.pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"{owner}: If pad_to_max_tokens is True, must set `max_tokens`, got None")
        if self.invert and self.output_mode != "int":
            raise ValueError(f"{owner}: `output_mode` must be `'int'` when `invert` is true, got {output_mode!r}")
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(
                f"{owner}: `idf_weights` should only be set if `output_mode` is `'tf_idf'`, got {output_mode!r}"
            )
        self._given = vocabulary is not None
        self._table = Table()
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # -- what a subclass says of its tokens -----------------------------------------------------------------------

    def _token(self, value: Any) -> Any:
        """A token as the vocabulary keeps it."""
        raise NotImplementedError

    def _array(self, x: Array) -> Array:
        """An array of tokens."""
        raise NotImplementedError

    def _unknown(self, x: Array) -> Array:
        """Which of several codes for what is unknown each token has."""
        return hashed(x, self.num_oov_indices, self.salt)

    # -- the vocabulary -------------------------------------------------------------------------------------------

    def _special(self) -> list[Any]:
        """What stands before the tokens."""
        mask = [self.mask_token] if self.mask_token is not None and self.output_mode == "int" else []
        return mask + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens in the order of their codes, with the mask and what stands for the unknown or without."""
        return [*(self._special() if include_special_tokens else []), *self._table.tokens]

    def vocabulary_size(self) -> int:
        """How many codes there are, those of the mask and of the unknown included."""
        return len(self._special()) + len(self._table.tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take these tokens instead of adapting.

        Parameters
        ----------
        vocabulary : list, array or str
            Tokens, each once; the special ones may stand at the front, all of them. A str is the path of a text file
            with one token per line.
        idf_weights : list of float, optional
            For "tf_idf", and needed there: of each token.

        Raises
        ------
        ValueError
            Repeated or misplaced tokens, none at all, or more than `max_tokens`.
        """
        owner = f'{type(self).__name__} "{self.name}"'
        if (idf_weights is None) != (self.output_mode != "tf_idf"):
            raise ValueError(f'{owner}: expected idf_weights for output_mode "tf_idf", and only there')
        if isinstance(vocabulary, str):
            vocabulary = Path(vocabulary).read_text(encoding="utf-8").splitlines()
        tokens = [self._token(v) for v in np.asarray(vocabulary).ravel().tolist()]
        special = self._special()
        led = tokens[: len(special)] == special
        rest = tokens[len(special) :] if led else tokens
        if not tokens:
            raise ValueError(f"{owner}: expected a vocabulary of one token at least")
        repeated = [t for t, n in Counter(rest).items() if n > 1]
        if repeated:
            raise ValueError(f"{owner}: expected each token once in the vocabulary; repeated: {repeated}")
        for token, reserved in ((self.mask_token, True), (self.oov_token, self.invert)):
            if token is not None and reserved and token in rest:
                raise ValueError(
                    f"{owner}: {token!r} is reserved: leave it out of the vocabulary, or let that begin with {special}"
                )
        if self.max_tokens is not None and len(special) + len(rest) > self.max_tokens:
            raise ValueError(
                f"{owner}: expected max_tokens={self.max_tokens} tokens at most, got {len(special) + len(rest)}, "
                f"special ones included"
            )
        idf = None if idf_weights is None else np.asarray(idf_weights, np.float64)
        if idf is not None:
            if idf.shape != (len(tokens),):
                raise ValueError(f"{owner}: expected {len(tokens)} idf_weights, one per token, got shape {idf.shape}")
            idf = idf if led else np.concatenate([np.full(len(special), idf.mean()), idf])
        self._given = True
        self._set(rest, idf)

    def _set(self, tokens: Sequence[Any], idf: Array | None) -> None:
        first = len(self._special())
        self._table = Table(tuple(tokens), {t: first + i for i, t in enumerate(tokens)}, idf)

    # -- adapting -------------------------------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Make a vocabulary of the tokens of data, frequent ones first; forget what was there before.

        Parameters
        ----------
        data : array, list, or iterable of batches
        steps : int, optional
            Batches to look at; default: all.

        Raises
        ------
        ValueError
            A layer with a given vocabulary.
        """
        self.reset_state()
        for batch in batches_of(data, steps):
            one_each = batch.ndim == 1 and (isinstance(data, list | tuple) or hasattr(data, "__array__"))
            self.update_state(batch[:, None] if one_each else batch)
        self.finalize_state()

    def reset_state(self) -> None:
        """Forget the data seen."""
        self._seen = Seen()

    def update_state(self, data: Any) -> None:
        """Take note of more data; a vector is one sample."""
        if self._given:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": a vocabulary was given; make a layer without one to adapt'
            )
        rows = self._array(array_of_any(data))
        rows = rows.reshape(1, -1) if rows.ndim < 2 else rows.reshape(len(rows), -1)
        values, counts = np.unique(rows, return_counts=True)
        self._seen.counts.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        if self.output_mode == "tf_idf":
            for row in rows:
                self._seen.documents.update(np.unique(row).tolist())
        self._seen.samples += len(rows)

    def finalize_state(self) -> None:
        """Set the vocabulary from the data seen."""
        seen = self._seen
        if self._given or not seen.counts:
            return
        found = [(n, t) for t, n in seen.counts.items() if t not in (self.mask_token, self.oov_token)]
        tokens = [t for _, t in sorted(found, key=lambda pair: (pair[0], self._rank(pair[1])), reverse=True)]
        if self.max_tokens is not None:
            tokens = tokens[: max(self.max_tokens - len(self._special()), 0)]
        idf = None
        if self.output_mode == "tf_idf":
            known = np.log(1 + seen.samples / (1 + np.array([seen.documents[t] for t in tokens], np.float64)))
            idf = np.concatenate([np.full(len(self._special()), known.mean()), known])
        self._set(tokens, idf)
        self.reset_state()

    def _rank(self, token: Any) -> Any:
        """By which tokens of equal count are told apart."""
        return token

    # -- applying -------------------------------------------------------------------------------------------------

    @property
    def output_dtype(self) -> str:
        return "int64" if self.output_mode == "int" else super().output_dtype

    def _depth(self) -> int:
        return int(self.max_tokens or 0) if self.pad_to_max_tokens else self.vocabulary_size()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        return encoded_shape(tuple(input_shape), mode, self._depth())

    def preprocess(self, x: Array) -> Array:
        if self.invert:
            return self._inverted(x)
        if not self._table.tokens and self.output_mode != "int" and not self.pad_to_max_tokens:
            raise RuntimeError(
                f'{type(self).__name__} "{self.name}": expected a vocabulary, or a call of adapt, before a call'
            )
        codes = self._looked_up(self._array(x))
        if self.output_mode != "tf_idf":
            return encode(codes, self.output_mode, self._depth(), self.output_dtype)
        counts = encode(codes, "count", self._depth(), self.output_dtype)
        assert self._table.idf is not None
        return counts * np.pad(self._table.idf, (0, self._depth() - len(self._table.idf))).astype(counts.dtype)

    def _looked_up(self, x: Array) -> Array:
        values, places = np.unique(x, return_inverse=True)
        first = len(self._special()) - self.num_oov_indices
        codes = np.array([self._table.codes.get(v, -1) for v in values.tolist()], np.int64)
        masked = np.zeros(len(values), bool) if self.mask_token is None else values == self.mask_token
        unknown = (codes < 0) & ~masked
        if self.num_oov_indices > 1 and unknown.any():
            codes[unknown] = first + self._unknown(values[unknown])
        elif self.num_oov_indices == 1:
            codes[unknown] = first
        elif unknown.any():
            raise ValueError(
                f'{type(self).__name__} "{self.name}": not in the vocabulary: {values[unknown][:3].tolist()}; with '
                "num_oov_indices=1 there is a code for what is unknown"
            )
        codes[masked] = 0 if self.output_mode == "int" else -1  # which counts nowhere
        return codes[places].reshape(x.shape)

    def _inverted(self, x: Array) -> Array:
        codes = np.asarray(x).astype(np.int64)
        table = self._array(np.array([*self.get_vocabulary(), self.oov_token]))
        known = (codes >= 0) & (codes < len(table) - 1)
        return table[np.where(known, codes, len(table) - 1)]

    # -- saving ---------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values, with the vocabulary that was given or found."""
        return {
            **super().get_config(),
            "vocabulary": self.get_vocabulary(self._table.idf is not None) or None if self._table.tokens else None,
            "idf_weights": None if self._table.idf is None else self._table.idf.tolist(),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The layer that `get_config` described. A path in place of the vocabulary is refused."""
        if isinstance(config.get("vocabulary"), str):
            raise ValueError(f"{cls.__name__} config: expected a list of tokens, not a path: {config['vocabulary']!r}")
        return super().from_config(config)

    vocabulary = None  # `get_config` fills it in

    @property
    def idf_weights(self) -> Array | None:
        """For "tf_idf": the weight of each code."""
        return self._table.idf


_PARAMETERS = """
    Codes begin with that of the mask, 0, if there is a mask and the output is codes; then come those of what is not in
    the vocabulary, then those of its tokens, frequent ones first.

    Parameters
    ----------
    max_tokens : int, optional
        How many codes there may be; rare tokens are left out of the vocabulary. Default: any number.
    num_oov_indices : int
        How many codes there are for what is not in the vocabulary; 0: it is an error.
    mask_token : optional
        What stands for nothing: code 0, or counted nowhere.
    oov_token
        What an inverted layer says for what is not in the vocabulary.
    vocabulary : list, array or str, optional
        The tokens, or the path of a text file with one per line; default: what `adapt` finds.
    idf_weights : list of float, optional
        For "tf_idf" with a given vocabulary: the weight of each token.
    invert : bool
        From codes to tokens.
    output_mode : {"int", "one_hot", "multi_hot", "count", "tf_idf"}
        Codes, as int64; or what `CategoryEncoding` makes of them; "tf_idf": counts times `log(1 + n / (1 + k))` for a
        token that k of n samples hold.
    sparse : bool
        Not available.
    pad_to_max_tokens : bool
        Make rows of `max_tokens` numbers, however many tokens there are.
    salt : int or tuple of two int, optional
        A key for the hash that tells several codes for what is unknown apart.
    **kwargs
        `name`, `dtype` of the output.
"""


class StringLookup(Lookup):
    __doc__ = "The code of each text in a vocabulary.\n" + _PARAMETERS

    of_text = True

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = one_of("StringLookup", "encoding", encoding, ("utf-8",))
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode, sparse,
            pad_to_max_tokens, salt, **kwargs,
        )  # fmt: skip

    def _token(self, value: Any) -> str:
        return value.decode() if isinstance(value, bytes) else str(value)

    def _array(self, x: Array) -> Array:
        return x.astype(str)

    def _rank(self, token: str) -> bytes:
        return token.encode()


class IntegerLookup(Lookup):
    __doc__ = "The code of each whole number in a vocabulary.\n" + _PARAMETERS

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.vocabulary_dtype = one_of("IntegerLookup", "vocabulary_dtype", vocabulary_dtype, ("int64",))
        self.oov_method = one_of("IntegerLookup", "oov_method", oov_method, ("floormod", "farmhash"))
        if salt is not None and oov_method != "farmhash":
            raise ValueError('IntegerLookup: salt is for oov_method "farmhash"')
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode, sparse,
            pad_to_max_tokens, salt, **kwargs,
        )  # fmt: skip

    def _token(self, value: Any) -> int:
        return int(value)

    def _array(self, x: Array) -> Array:
        if x.dtype.kind not in "biuf":
            raise TypeError(
                f'IntegerLookup "{self.name}": expected whole numbers, got dtype {x.dtype}; use StringLookup'
            )
        return x.astype(np.int64)

    def _unknown(self, x: Array) -> Array:
        return x % self.num_oov_indices if self.oov_method == "floormod" else super()._unknown(x)
