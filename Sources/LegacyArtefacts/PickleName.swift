/// What a pickle may name.
///
/// Everything else is refused with its name; nothing here is ever called either.
///
/// Functions stand for the data that they would build, classes of scikit-learn for records of their attributes.
enum PickleName: Hashable, Sendable {
    case arrayReconstruction
    case arrayFromBuffer
    case arrayClass
    case elementType
    case scalar
    /// A number type by its NumPy name, such as `float32`.
    case numberType(String)
    case joblibArray
    case slice
    case set
    case orderedDictionary
    case textToBytes
    case recordClass(String)

    /// What a module's name stands for; nil for all that is not listed.
    init?(module: String, name: String) {
        switch (module, name) {
        case ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"):
            self = .arrayReconstruction
        case ("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer"): self = .arrayFromBuffer
        case ("numpy", "ndarray"): self = .arrayClass
        case ("numpy", "dtype"): self = .elementType
        case ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"): self = .scalar
        case ("numpy", let name) where Self.numberTypes.contains(name): self = .numberType(name)
        case ("joblib.numpy_pickle", "NumpyArrayWrapper"): self = .joblibArray
        case ("builtins", "slice"), ("__builtin__", "slice"): self = .slice
        case ("builtins", "set"), ("__builtin__", "set"), ("builtins", "frozenset"), ("__builtin__", "frozenset"):
            self = .set
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("_codecs", "encode"): self = .textToBytes
        default:
            guard let names = Self.records[module], names.contains(name) else { return nil }
            self = .recordClass(name)
        }
    }

    private static let numberTypes: Set<String> = [
        "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "bool", "bool_", "str_", "object_",
    ]

    /// Classes by module, under the names that scikit-learn 0.20 to 1.9 gave them.
    private static let records: [String: Set<String>] = [
        "sklearn.preprocessing.data": ["StandardScaler"],
        "sklearn.preprocessing._data": ["StandardScaler"],
        "sklearn.preprocessing._encoders": ["OneHotEncoder", "OrdinalEncoder"],
        "sklearn.preprocessing.label": ["LabelEncoder"],
        "sklearn.preprocessing._label": ["LabelEncoder"],
        "sklearn.preprocessing._function_transformer": ["FunctionTransformer"],
        "sklearn.impute": ["SimpleImputer"],
        "sklearn.impute._base": ["SimpleImputer"],
        "sklearn.pipeline": ["Pipeline"],
        "sklearn.compose._column_transformer": ["ColumnTransformer", "_RemainderColsList"],
    ]
}
