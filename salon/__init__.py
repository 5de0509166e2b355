import sys

__version__ = "0.1.0"

if sys.version_info < (3, 11):  # noqa: UP036  (a bundle is installed by nobody, who would have refused)
    came = ".".join(map(str, sys.version_info[:2]))
    raise ImportError(
        f"Python {came} came; Salon needs 3.11 or later. Choose a newer kernel or image. / "
        f"当前 Python 为 {came}，Salon 需要 3.11 或更高。请选择更新的内核或镜像。"
    )
