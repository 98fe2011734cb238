# Oʻzbekcha (lotin). Names of messages, forms and variables: see en.ftl.
#
# A title stands in «» and takes no ending: what needs a case takes a word of its own (bilan, oʻrniga, turkumida).

pair = «{ $with }» boʻlgan { $baskets } ta savatdan { $together } tasida bu ham bor edi
pair-few = Avval «{ $with }» bilan birga xarid qilingan
pair-untitled = Siz tanlagan mahsulot boʻlgan { $baskets } ta savatdan { $together } tasida bu ham bor edi
pair-few-untitled = Avval siz tanlagan mahsulot bilan birga xarid qilingan
pair-plain = «{ $with }» bilan birga yaxshi tanlov
pair-plain-untitled = Siz tanlagan mahsulotga mos keladi
pair-add-on = Kichik qoʻshimcha: «{ $with }» boʻlgan { $baskets } ta savatdan { $together } tasida bor edi
pair-product-page-untitled = Siz koʻrayotgan mahsulot boʻlgan { $baskets } ta savatdan { $together } tasida bu ham bor edi
pair-product-page-few-untitled = Avval siz koʻrayotgan mahsulot bilan birga xarid qilingan
pair-product-page-plain-untitled = Siz koʻrayotgan mahsulotga mos keladi
pair-abandoned-cart = Savatingizdagi «{ $with }» bilan birga: { $baskets } ta shunday savatdan { $together } tasida olingan
pair-abandoned-cart-few = Avval savatingizdagi «{ $with }» bilan birga xarid qilingan
pair-abandoned-cart-plain = Savatingizdagi «{ $with }» bilan birga yaxshi tanlov
pair-post-purchase = Siz olgan «{ $with }» bilan birga: { $baskets } ta shunday savatdan { $together } tasida olingan
pair-post-purchase-few = Avval siz olgan «{ $with }» bilan birga xarid qilingan
pair-post-purchase-untitled = Siz olgan mahsulot boʻlgan { $baskets } ta savatdan { $together } tasida bu ham bor edi
pair-post-purchase-few-untitled = Avval siz olgan mahsulot bilan birga xarid qilingan
pair-post-purchase-plain = Siz olgan «{ $with }» bilan birga yaxshi tanlov
pair-post-purchase-plain-untitled = Siz olgan mahsulotga mos keladi
pair-follow-up = Siz xarid qilgan «{ $with }» bilan birga: { $baskets } ta shunday savatdan { $together } tasida olingan
pair-follow-up-few = Avval siz xarid qilgan «{ $with }» bilan birga olingan
pair-follow-up-untitled = Siz olgan mahsulot boʻlgan { $baskets } ta savatdan { $together } tasida bu ham bor edi
pair-follow-up-few-untitled = Avval siz olgan mahsulot bilan birga xarid qilingan
pair-follow-up-plain = Siz xarid qilgan «{ $with }» bilan birga yaxshi tanlov
pair-follow-up-plain-untitled = Siz olgan mahsulotga mos keladi

category = { $baskets } ta oʻxshash savatdan { $together } tasida «{ $category }» turkumidan mahsulot bor edi
category-few = Oʻxshash savatlarda «{ $category }» turkumidan mahsulot boʻlgan
category-unnamed = { $baskets } ta oʻxshash savatdan { $together } tasida shunday mahsulot bor edi
category-plain = «{ $with }» bilan birga, «{ $category }» turkumidan
category-plain-untitled = Tanlovingizga mos, «{ $category }» turkumidan
category-bare = Tanlovingizga mos

popular-in-category = «{ $category }» turkumida koʻp olinadi: { $baskets } ta savatdan { $together } tasida
popular-in-category-few = «{ $category }» turkumidan, avval ham xarid qilingan
popular-in-category-unnamed = Doʻkonimizdagi { $baskets } ta savatdan { $together } tasida bor edi
popular-in-category-plain = «{ $category }» turkumidan taklifimiz
popular-in-category-bare = Bizning taklifimiz

popular = Doʻkonimizdagi { $baskets } ta savatdan { $together } tasida bor edi
popular-few = Doʻkonimizda avval ham xarid qilingan
popular-bare = Bizning taklifimiz

pinned = «{ $with }» bilan birga tavsiya qilamiz
pinned-untitled = Sizga tavsiya qilamiz
pinned-upsell = «{ $with }» oʻrniga tavsiya qilamiz

history =
    { $number ->
        [one] Avvalgi buyurtmangizda bor edi
       *[other] Avvalgi { $baskets } ta buyurtmangizdan { $number } tasida bor edi
    }
history-plain = Buni avval ham xarid qilgansiz

rebuy = Buni { $days } kun oldin olgansiz; yana kerakmi?
rebuy-plain = Buni avval ham olgansiz; yana kerakmi?

upgrade = «{ $with }» oʻrniga yaxshirogʻi, { $difference } qimmatroq
upgrade-untitled = Yaxshirogʻi, { $difference } qimmatroq
upgrade-unpriced = «{ $with }» oʻrniga yaxshirogʻi
upgrade-bare = Siz tanlaganingizdan yaxshirogʻi

learned-upgrade = «{ $with }» mahsulotini koʻrgan { $baskets } nafar xaridordan { $together } nafari bunisini olgan
learned-upgrade-few = Avval «{ $with }» oʻrniga tanlangan
learned-upgrade-untitled = Xuddi shu mahsulotni koʻrgan { $baskets } nafar xaridordan { $together } nafari bunisini olgan
learned-upgrade-few-untitled = Avval xuddi shu mahsulot oʻrniga tanlangan
learned-upgrade-plain = «{ $with }» oʻrniga yana bir tanlov
learned-upgrade-bare = Yana bir tanlov

ladder = «{ $with }» oʻrniga bir pogʻona yuqorisi, { $difference } qimmatroq
ladder-untitled = Bir pogʻona yuqorisi, { $difference } qimmatroq
ladder-unpriced = «{ $with }» oʻrniga bir pogʻona yuqorisi
ladder-bare = Siz tanlaganingizdan bir pogʻona yuqorisi

bundle = «{ $with }» bilan birga: { $saving } tejaysiz
bundle-untitled = Toʻplamda: { $saving } tejaysiz
bundle-unpriced = «{ $with }» bilan bir toʻplamda
bundle-bare = Toʻplamning bir qismi

stamp-card = «{ $category }» turkumida { $number }-xaridingiz: { $saving } chegirma
stamp-card-unpriced = «{ $category }» turkumida { $number }-xaridingiz
stamp-card-unnamed = { $number }-xaridingiz: { $saving } chegirma
stamp-card-plain = «{ $category }» turkumida sodiqlik kartasi: { $saving } chegirma
stamp-card-plain-untitled = Sodiqlik kartasi: { $saving } chegirma
stamp-card-bare = Sodiqlik kartangizda hisobga olinadi

new = «{ $category }» turkumida yangi
new-bare = Doʻkonimizda yangi

proof-rating = { $count } ta baho boʻyicha 5 dan { $rating }
proof-week = Shu hafta { $count } ta savatda bor edi

currency = { $amount }{"\u00A0"}{ $code }
currency-EUR = { $amount }{"\u00A0"}€
currency-GBP = { $amount }{"\u00A0"}£
currency-GEL = { $amount }{"\u00A0"}₾
currency-KZT = { $amount }{"\u00A0"}₸
currency-RUB = { $amount }{"\u00A0"}₽
currency-TRY = { $amount }{"\u00A0"}₺
currency-USD = { $amount }{"\u00A0"}$
currency-UZS = { $amount }{"\u00A0"}soʻm
