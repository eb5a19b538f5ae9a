# SPDX-License-Identifier: Apache-2.0
"""Draws text: FreeType by ctypes, with a typeface of Debian."""
import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_short, c_ubyte, c_uint, c_ushort, c_void_p

import numpy as np

LIBRARY = "libfreetype.so.6"
FACE = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
LOAD_RENDER = 4


class TypefaceError(Exception):
    """What is missing, or what cannot be drawn, and the way out."""


class Bitmap(ctypes.Structure):
    """FT_Bitmap"""
    _fields_ = [("rows", c_uint), ("width", c_uint), ("pitch", c_int), ("buffer", POINTER(c_ubyte)), ("grays", c_ushort),
                ("mode", c_ubyte), ("palette_mode", c_ubyte), ("palette", c_void_p)]


class Slot(ctypes.Structure):
    """FT_GlyphSlotRec up to where the drawn glyph lies."""
    _fields_ = [("library", c_void_p), ("face", c_void_p), ("next", c_void_p), ("index", c_uint), ("generic", c_void_p * 2),
                ("metrics", c_long * 8), ("linear", c_long * 2), ("advance", c_long * 2), ("format", c_int),
                ("bitmap", Bitmap), ("left", c_int), ("top", c_int)]


class Face(ctypes.Structure):
    """FT_FaceRec up to the slot."""
    _fields_ = [("numbers", c_long * 5), ("names", c_char_p * 2), ("sizes", c_int), ("available", c_void_p),
                ("charmaps", c_int), ("charmap_list", c_void_p), ("generic", c_void_p * 2), ("box", c_long * 4),
                ("units", c_ushort), ("heights", c_short * 7), ("slot", POINTER(Slot))]


def check(code, what):
    if code:
        raise TypefaceError(f"FreeType cannot {what} (error {code}); 'tests/testbed/prepare packages' installs what is needed")


def glyphs(text, size):
    """Yield (left edge, top edge above the base line, ink [H,W] 0..255) in pixels."""
    try:
        lib = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise TypefaceError(f"{error}; 'tests/testbed/prepare packages' installs it") from error
    lib.FT_Get_Char_Index.argtypes = [c_void_p, ctypes.c_ulong]
    library, face, pen = c_void_p(), POINTER(Face)(), 0
    check(lib.FT_Init_FreeType(byref(library)), "start")
    try:
        check(lib.FT_New_Face(library, FACE.encode(), c_long(0), byref(face)), f"read {FACE}")
        check(lib.FT_Set_Pixel_Sizes(face, 0, size), f"draw at {size} pixels")
        for c in text:
            index = lib.FT_Get_Char_Index(face, ord(c))
            if not index:
                raise TypefaceError(f"{FACE} has no character {c!r}; leave it out")
            check(lib.FT_Load_Glyph(face, index, LOAD_RENDER), f"draw {c!r}")
            slot = face.contents.slot.contents
            bitmap = slot.bitmap
            count = bitmap.rows * bitmap.pitch
            ink = np.frombuffer(bytes(bitmap.buffer[:count]), np.uint8).reshape(bitmap.rows, bitmap.pitch)[:, :bitmap.width]
            yield pen + slot.left, slot.top, ink
            pen += slot.advance[0] >> 6
        yield pen, 0, np.zeros((0, 0), np.uint8)
    finally:
        lib.FT_Done_FreeType(library)


def draw_text(text, size):
    """Ink of a line, float32 [H,W] from 0 to 1, as high as its letters."""
    drawn = list(glyphs(text, size))
    left = min(0, min(x for x, _, _ in drawn))
    above = max(top for _, top, _ in drawn)
    below = max(ink.shape[0] - top for _, top, ink in drawn)
    width = max(x + ink.shape[1] for x, _, ink in drawn) - left
    out = np.zeros((above + below, width), np.float32)
    for x, top, ink in drawn:
        part = out[above - top:above - top + ink.shape[0], x - left:x - left + ink.shape[1]]
        np.maximum(part, ink / np.float32(255), out=part)
    return out
