/**
 * Operators whose work follows from the shapes of their inputs. What is not among them may take any time for the same shapes (loops and
 * branches, sizes that are values, recurrent layers that stop early), and so cannot be judged by a few measured runs.
 *
 * Source: the operators of ONNX 1.17, opset 22, and of `ai.onnx.ml`.
 */

const elementwise =
  "Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Cos " +
  "Cosh Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Less " +
  "LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus " +
  "Softsign Sqrt Sub Sum Tan Tanh ThresholdedRelu Where Xor"

const arithmetic =
  "ArgMax ArgMin AveragePool BatchNormalization Conv ConvInteger ConvTranspose CumSum DequantizeLinear Det Dropout " +
  "DynamicQuantizeLinear Einsum Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool GroupNormalization Hardmax " +
  "InstanceNormalization LRN LayerNormalization LogSoftmax LpNormalization LpPool MatMul MatMulInteger MaxPool " +
  "MeanVarianceNormalization QLinearConv QLinearMatMul QuantizeLinear RMSNormalization ReduceL1 ReduceL2 ReduceLogSum " +
  "ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Softmax"

const moving =
  "Concat Constant DepthToSpace Flatten Gather GatherElements GatherND Reshape ScatterElements ScatterND " +
  "Shape Size Slice SpaceToDepth Split Squeeze Transpose Trilu Unsqueeze"

const machineLearning =
  "ArrayFeatureExtractor Binarizer FeatureVectorizer Imputer LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier " +
  "SVMRegressor Scaler TreeEnsembleClassifier TreeEnsembleRegressor"

/**
 * Those of them whose work may grow when a dimension shrinks, or follows from values as well: a kernel that is an input, a slice that
 * starts at the end, indices of fewer dimensions, axes and shapes that are inputs or made of dimensions.
 */
const unsteady =
  "Conv ConvInteger ConvTranspose Einsum GatherND QLinearConv ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean " +
  "ReduceMin ReduceProd ReduceSum ReduceSumSquare Reshape ScatterND Shape Size Slice Split Squeeze Unsqueeze"

const plain: ReadonlySet<string> = new Set([
  ...[elementwise, arithmetic, moving].flatMap((names) => names.split(" ")),
  ...machineLearning.split(" ").map((name) => `ai.onnx.ml.${name}`)
])

const steady: ReadonlySet<string> = new Set([...plain].filter((operator) => !unsteady.split(" ").includes(operator)))

const firstBeyond = (known: ReadonlySet<string>, operators: ReadonlySet<string>): string | undefined => {
  for (const operator of operators) if (!known.has(operator)) return operator
  return undefined
}

/** The first operator that is none of them. @category getters */
export const exception = (operators: ReadonlySet<string>): string | undefined => firstBeyond(plain, operators)

/** The first operator that may take longer for smaller inputs than for larger ones. @category getters */
export const unsteadyOne = (operators: ReadonlySet<string>): string | undefined => firstBeyond(steady, operators)
