# SPDX-License-Identifier: Apache-2.0
"""Reads a page and finds faces, with inference by whoever is asked for it.

@infer(name, {input: array}, [output]) runs the network @name and returns {output: array}; the first axis of an
array is a list of inferences.
"""
import faces
import reading

# Of PaddleOCR's defaults: what is less sure is no text.
LEAST_SURE = 0.5
# Network -> its input's name where the model leaves the input's shape open.
OPEN_INPUT = {"ppocr-det": reading.INPUT, "ppocr-cls": reading.INPUT, "ppocr-rec": reading.INPUT}


def read_page(image, infer):
    """[(text, how sure, was upside down, corners)] of each line, from top to bottom."""
    page, factor = reading.page_input(image)
    lines = reading.find_lines(infer("ppocr-det", {reading.INPUT: page}, [reading.FOUND]), factor)
    if not lines:
        return []
    beginnings = reading.direction_input(image, lines)
    lines, turned = reading.upright(lines, infer("ppocr-cls", {reading.INPUT: beginnings}, [reading.DIRECTION]))
    pictures = reading.text_input(image, lines, reading.text_width(lines))
    outputs = infer("ppocr-rec", {reading.INPUT: pictures}, [reading.TEXT])
    found = reading.texts(outputs, len(lines), reading.characters())
    return [(text, sure, bool(t), line) for (text, sure), t, line in zip(found, turned, lines) if sure >= LEAST_SURE]


def find_faces(image, infer):
    """[(score, [left, top, right, bottom])], best first."""
    outputs = infer("ultraface", {faces.INPUT: faces.network_input(image)}, faces.OUTPUTS)
    return faces.find(outputs, *image.shape[:2])
