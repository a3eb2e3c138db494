"""The builder's public name, `dfnas.cifar_resnet:cifar_resnet`, which configurations, teachers and tables carry."""

from dfnas.classifiers.cifar_resnet import cifar_resnet

__all__ = ["cifar_resnet"]
